"""Drawings of clothing: jackets, shirts, trousers, hats, gloves."""

from __future__ import annotations

from merx.demo.pictures.paint import (
    INK,
    PAPER,
    STEEL,
    Paint,
    dashes,
    disc,
    fade,
    kind,
    line,
    mirror,
    move,
    oval,
    rect,
    shape,
    turn,
)

SLEEVE = "M134 134C96 150 84 190 70 262L52 350Q52 366 70 370L98 376L128 262Z"
TORSO = "M200 128H152Q132 130 126 150L118 398Q160 408 200 408Z"


@kind("jacket", forms=5, lay=True, focus=(200, 210), zoom=1.6)
def jacket(p: Paint, form: int) -> str:
    """0 rain shell, 1 down, 2 half-zip fleece, 3 down vest, 4 wind jacket."""
    arm = shape(SLEEVE, p.shade) + shape(
        "M56 334L52 350Q52 366 70 370L98 376L103 354Z", p.deep if form != 4 else p.accent
    )
    front = shape(TORSO, p.main)
    if form in (1, 3):
        if form == 1:
            arm += line("M84 206Q108 222 136 218M74 250Q98 264 126 260M66 296Q90 312 116 306", p.deep, 5, fade(0.7))
        front += line(
            "M124 180Q160 192 200 190M122 222Q160 234 200 232"
            "M121 264Q160 276 200 274M120 306Q160 318 200 316M119 350Q160 360 200 358",
            p.shade,
            6,
        )
    elif form == 2:
        front += shape("M126 150Q132 130 152 128H200V232Q150 222 123 214Z", p.accent)
    elif form == 4:
        front += shape("M123 232L200 300V408Q160 408 118 398Z", p.accent) + line("M123 232L200 300", PAPER, 7)
    else:
        front += shape("M126 150Q132 130 152 128H200V206Q156 204 124 190Z", p.tint)
    pocket = line("M140 310L132 356", p.deep, 6) if form != 2 else ""
    hem = line("M119 392Q160 402 200 402", p.deep, 8) if form in (0, 4) else ""
    body = mirror(("" if form == 3 else arm) + front + pocket + hem)
    foot = 250 if form == 2 else 404
    zip_ = (
        line(f"M200 136V{foot}", p.deep, 9)
        + dashes(f"M200 140V{foot - 4}", STEEL, 4, 4, 5)
        + rect(195, 156, 10, 26, p.accent if form != 2 else PAPER, 4)
    )
    return _collar(p, form) + body + zip_ + (shape("M228 184h30v18h-30Z", p.accent) if form in (0, 1) else "")


def _collar(p: Paint, form: int) -> str:
    if form in (0, 4):
        return shape("M140 140C134 78 160 52 200 52S266 78 260 140Q200 168 140 140Z", p.main) + shape(
            "M158 136C154 92 172 74 200 74S246 92 242 136Q200 166 158 136Z", p.deep
        )
    return shape("M158 134L164 98Q200 86 236 98L242 134Q200 152 158 134Z", p.shade) + oval(200, 100, 36, 9, p.deep)


@kind("shirt", forms=3, lay=True, focus=(200, 190), zoom=1.6)
def shirt(p: Paint, form: int) -> str:
    """0 T-shirt, 1 long sleeves, 2 checked shirt."""
    arm = shape(
        "M142 116C106 126 92 148 60 214L116 240L134 204Z" if form == 0 else SLEEVE.replace("134 134", "142 116"),
        p.shade,
    )
    if form:
        arm += shape("M56 334L52 350Q52 366 70 370L98 376L103 354Z", p.accent)
    body = shape("M200 132Q176 132 164 110L142 116Q124 124 124 150L120 396Q160 404 200 404Z", p.main)
    if form == 2:
        body += dashes(
            "M122 160H200M122 204H200M121 248H200M121 292H200M120 336H200M120 378H200", p.accent, 13, 80, 0
        ) + line("M146 120V396M178 138V400", p.edge, 8, fade(0.45))
    neck = line("M164 110Q176 134 200 134T236 110", p.deep, 9)
    if form == 2:
        neck = (
            shape("M158 108L200 136L184 168Z", p.tint)
            + shape("M242 108L200 136L216 168Z", p.tint)
            + line("M200 138V402", p.shade, 5)
            + "".join(disc(200, y, 5, PAPER) for y in range(176, 400, 48))
        )
    sign = (
        shape("M160 266L194 212L210 238L222 222L244 266Z", p.accent) + disc(226, 206, 9, p.bright) if form == 0 else ""
    )
    chest = rect(222, 190, 34, 40, p.shade, 5, fade(0.6)) if form == 1 else ""
    return mirror(arm + body) + neck + sign + chest


@kind("trousers", forms=3, lay=True, focus=(200, 140), zoom=1.6)
def trousers(p: Paint, form: int) -> str:
    """0 trekking, 1 shorts, 2 leggings."""
    foot = 262 if form == 1 else 430
    edge = (82, 190) if form == 1 else (104, 176) if form == 0 else (128, 172)
    leg = shape(f"M128 76H200V176L{edge[1]} {foot}H{edge[0]}L118 170Z", p.main) + shape(
        f"M128 76H150L{edge[0] + 28} {foot}H{edge[0]}L118 170Z", p.shade
    )
    if form == 0:
        leg += (
            rect(110, 224, 46, 62, p.shade, 6)
            + rect(110, 224, 46, 18, p.deep, 5)
            + line("M108 324Q140 332 180 326", p.deep, 4)
            + line("M140 84L126 132", p.deep, 5)
        )
    elif form == 1:
        leg += line("M140 84L122 150", p.deep, 5) + line(f"M84 {foot - 14}H190", p.accent, 5)
    else:
        leg += line("M136 96Q160 250 138 420", p.accent, 7) + line("M150 300Q166 306 178 300", p.deep, 4)
    belt = rect(126, 70, 148, 30, p.deep, 6) + rect(180, 72, 40, 26, p.accent, 5) + rect(190, 80, 20, 10, STEEL, 3)
    if form == 2:
        belt = rect(126, 66, 148, 40, p.deep, 10) + line("M140 86H260", p.accent, 4)
    return move(0, 70 if form == 1 else 0, mirror(leg) + belt + line("M200 104V172", p.deep, 5))


@kind("hat", forms=3, focus=(200, 290), zoom=1.6)
def hat(p: Paint, form: int) -> str:
    if form == 0:
        crown = shape("M104 324C100 214 150 176 204 176S308 214 304 324Z", p.main) + shape(
            "M104 324C100 214 150 176 204 176C160 200 146 260 148 324Z", p.shade
        )
        peak = shape("M200 318C290 300 372 330 382 366Q300 344 200 350Z", p.accent) + shape(
            "M104 318H304Q306 350 290 352Q200 342 110 352Q100 344 104 318Z", p.deep
        )
        return (
            crown
            + line("M204 178V316", p.shade, 4)
            + disc(204, 174, 9, p.accent)
            + peak
            + shape("M196 292L222 248L236 270L244 260L258 292Z", PAPER)
        )
    if form == 1:
        bob = "".join(
            disc(200 + x, 124 + y, 20, p.bright)
            for x, y in ((0, 0), (-20, 12), (20, 12), (-12, -12), (12, -12), (0, 18))
        )
        crown = shape("M98 330C92 206 140 146 200 146S308 206 302 330Z", p.main) + line(
            "M148 170Q124 240 126 320M200 148V320M252 170Q276 240 274 320", p.shade, 7
        )
        zig = line(
            "M104 276L124 256L144 276L164 256L184 276L204 256L224 276L244 256L264 276L284 256L298 272", p.accent, 9
        )
        return bob + crown + zig + rect(86, 316, 228, 76, p.shade, 22) + dashes("M96 354H306", p.deep, 70, 4, 13)
    brim = oval(200, 352, 172, 42, p.main) + oval(200, 346, 172, 38, p.tint)
    crown = shape("M116 344C112 240 142 210 200 210S288 240 284 344Q200 372 116 344Z", p.main) + shape(
        "M116 344C112 240 142 210 200 210C160 232 150 300 156 356Q130 352 116 344Z", p.shade
    )
    return (
        brim
        + crown
        + shape("M115 318Q200 346 285 318L284 344Q200 372 116 344Z", p.accent)
        + dots_vent(p)
        + line("M96 372C120 430 180 400 200 424", INK, 4)
    )


def dots_vent(p: Paint) -> str:
    return disc(232, 268, 6, p.deep) + disc(250, 274, 6, p.deep)


@kind("gloves", lay=True, focus=(150, 210), zoom=1.6)
def gloves(p: Paint, form: int) -> str:
    hand = shape(
        "M82 316V228Q82 214 94 212V150Q96 136 108 136T122 150"
        "V128Q124 112 137 112T150 128V140Q152 126 164 126"
        "T178 142V172Q182 160 192 162T204 176V252L224 222Q236 210 248 220T250 244L206 316Z",
        p.main,
    )
    seams = (
        line("M122 152V216M150 142V214M178 174V220", p.deep, 5)
        + shape("M100 238H188V290H100Z", p.shade, fade(0.8))
        + line("M112 254H176M112 272H176", p.accent, 6)
    )
    cuff = rect(78, 308, 132, 64, p.accent, 12) + rect(78, 330, 132, 16, p.edge) + rect(160, 324, 40, 28, INK, 6)
    one = hand + seams + cuff
    return (
        move(-34, 40, turn(-8, one, 150, 240))
        + f'<g transform="matrix(-1 0 0 1 434 -10)">{turn(-8, one, 150, 240)}</g>'
    )


@kind("neckwear", lay=True, focus=(200, 220), zoom=1.6)
def neckwear(p: Paint, form: int) -> str:
    ends = shape("M84 150L30 100L44 176Z", p.shade) + shape("M84 150L22 198L62 216Z", p.main)
    cloth = shape("M76 142Q200 176 324 142Q332 150 326 164L216 392Q200 412 184 392L74 164Q68 150 76 142Z", p.main)
    fold = shape("M76 142Q200 176 324 142Q330 154 322 170Q200 206 78 170Q70 154 76 142Z", p.shade)
    edge = line("M96 190L192 382Q200 392 208 382L304 190", p.accent, 7)
    print_ = "".join(
        disc(x, y, 13, p.accent) + disc(x, y, 6, p.main)
        for x, y in ((150, 222), (200, 232), (250, 222), (176, 272), (224, 272), (200, 318))
    )
    specks = "".join(
        disc(x, y, 4, p.bright)
        for x, y in ((174, 246), (226, 246), (200, 206), (200, 294), (200, 350), (126, 204), (274, 204))
    )
    return mirror(ends) + cloth + fold + edge + print_ + specks + disc(80, 152, 15, p.deep) + disc(320, 152, 15, p.deep)


@kind("poncho", lay=True, focus=(200, 180), zoom=1.6)
def poncho(p: Paint, form: int) -> str:
    body = shape("M164 128Q96 170 52 360Q110 396 200 404T348 360Q304 170 236 128Z", p.main) + shape(
        "M164 128Q96 170 52 360Q80 378 116 388Q116 220 164 128Z", p.shade
    )
    return (
        _collar(p, 0)
        + body
        + line("M164 130Q200 160 236 130", p.deep, 7)
        + rect(158, 240, 84, 68, p.tint, 10)
        + rect(158, 240, 84, 20, p.accent, 8)
        + line("M200 160V224", p.deep, 6)
        + line("M62 352Q120 384 200 390T338 352", p.accent, 6)
    )
