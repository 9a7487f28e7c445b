"""Drawings of what is climbed, paddled and pedalled with: ropes, metal, helmets, boats, boards, bags."""

from __future__ import annotations

from merx.demo.pictures.paint import (
    COAL,
    INK,
    IRON,
    PAPER,
    SKY,
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
    ring,
    shape,
    turn,
)


@kind("poles", lay=True, focus=(146, 130), zoom=1.7)
def poles(p: Paint, form: int) -> str:
    pole = line("M200 150V262", p.main, 11) + line("M200 262V392", STEEL, 8) + rect(191, 250, 18, 26, p.accent, 5)
    pole += (
        rect(187, 64, 26, 92, COAL, 13)
        + dashes("M200 92V148", INK, 22, 4, 6)
        + line("M204 76C250 80 248 132 208 126", p.accent, 7)
    )
    pole += shape("M178 396H222L214 412H186Z", p.deep) + line("M200 410V446", IRON, 6)
    return turn(24, pole, 200, 260) + turn(-24, pole, 200, 260)


@kind("rope", lay=True, focus=(250, 200), zoom=1.6)
def rope(p: Paint, form: int) -> str:
    def strand(rx: int, ry: int, tone: str) -> str:
        return f'<ellipse cx="200" cy="232" rx="{rx}" ry="{ry}" fill="none" stroke="{tone}" stroke-width="15"/>'

    coils = "".join(strand(70 + 13 * i, 112 + 10 * i, (p.shade, p.main)[i % 2]) for i in range(5))
    weave = "".join(
        f'<ellipse cx="200" cy="232" rx="{70 + 13 * i}" ry="{112 + 10 * i}" fill="none" stroke="{p.accent}" '
        'stroke-width="4" stroke-dasharray="9 15" stroke-linecap="butt"/>'
        for i in range(5)
    )
    wrap = (
        rect(146, 74, 108, 78, p.main, 12)
        + dashes("M150 113H250", p.shade, 78, 7, 7)
        + line("M236 146C300 230 250 340 296 420", p.main, 15)
        + dashes("M236 146C300 230 250 340 296 420", p.accent, 4, 9, 15)
    )
    return turn(
        6, coils + weave + wrap + line("M180 82C170 30 230 30 220 82", p.main, 15) + rect(284, 404, 24, 28, COAL, 5)
    )


@kind("carabiner", forms=2, lay=True, focus=(210, 170), zoom=1.6)
def carabiner(p: Paint, form: int) -> str:
    def hook(tone: str, dark: str, gate: str) -> str:
        frame = line("M168 78C120 78 112 112 118 146L140 246C150 286 222 286 236 246L256 150", tone, 22) + line(
            "M168 78H228C254 78 262 104 258 130", tone, 22
        )
        return frame + line("M128 120L150 240", dark, 6) + line("M257 138L240 232", gate, 14)

    if form:
        sling = (
            rect(176, 214, 46, 150, p.accent, 14)
            + rect(190, 226, 18, 126, p.edge, 8)
            + dashes("M199 236V346", PAPER, 3, 8, 6)
        )
        top, low = hook(p.main, p.shade, STEEL), hook(p.shade, p.deep, STEEL)
        return turn(
            12, move(86, 14, top, 0.6) + f'<g transform="matrix(.6 0 0 -.6 86 490)">{low}</g>' + move(0, -32, sling)
        )
    sleeve = turn(9, rect(232, 150, 32, 70, p.accent, 9) + dashes("M248 156V214", p.edge, 30, 3, 6), 248, 185)
    return turn(-10, move(-60, 20, hook(p.main, p.shade, STEEL) + sleeve, 1.35))


@kind("harness", lay=True, focus=(200, 190), zoom=1.6)
def harness(p: Paint, form: int) -> str:
    belt = f'<ellipse cx="200" cy="166" rx="124" ry="50" fill="none" stroke="{p.main}" stroke-width="36"/>' + line(
        "M84 184Q130 218 200 216T316 184", p.tint, 6
    )

    def leg(x: int) -> str:
        return f'<ellipse cx="{x}" cy="344" rx="66" ry="54" fill="none" stroke="{p.shade}" stroke-width="26"/>'

    straps = line("M176 214C160 260 150 280 140 296M224 214C240 260 250 280 260 296", COAL, 11)
    loop = rect(187, 208, 26, 92, p.accent, 12) + rect(168, 194, 64, 32, STEEL, 8) + rect(182, 202, 36, 16, COAL, 4)
    gear = line("M92 208Q100 250 134 232M308 208Q300 250 266 232", p.accent, 8)
    return (
        leg(126)
        + leg(274)
        + straps
        + belt
        + gear
        + loop
        + rect(84, 318, 22, 40, STEEL, 5)
        + rect(294, 318, 22, 40, STEEL, 5)
    )


@kind("helmet", forms=2, focus=(200, 270), zoom=1.5)
def helmet(p: Paint, form: int) -> str:
    straps = (
        line("M104 320C120 390 180 402 200 402S280 390 296 320", COAL, 9)
        + line("M140 326L164 384M260 326L236 384", COAL, 7)
        + rect(184, 392, 32, 15, p.accent, 5)
    )
    if form:
        shell = shape(
            "M60 316C52 190 120 138 210 138S352 210 346 316Q330 326 300 318Q200 296 100 322Q70 326 60 316Z", p.main
        )
        vents = "".join(
            shape(d, p.deep)
            for d in (
                "M116 284Q122 214 176 184Q158 224 156 274Z",
                "M184 268Q186 210 218 176Q234 214 234 266Z",
                "M262 270Q264 222 250 184Q304 216 310 282Z",
            )
        )
        return straps + shell + vents + line("M70 306Q200 276 338 306", p.accent, 8)
    shell = shape("M74 312C70 190 130 136 200 136S330 190 326 312Q200 288 74 312Z", p.main) + shape(
        "M74 312C70 190 130 136 200 136C140 170 116 240 118 304Z", p.shade
    )
    brim = shape("M66 312Q200 278 334 312Q340 332 318 334Q200 306 82 334Q60 332 66 312Z", p.deep)
    clips = (
        line("M148 196V252M200 184V246M252 196V252", p.deep, 11)
        + rect(150, 290, 24, 17, p.accent, 4)
        + rect(226, 290, 24, 17, p.accent, 4)
    )
    return straps + shell + clips + brim


@kind("chalkbag", focus=(200, 230), zoom=1.5)
def chalkbag(p: Paint, form: int) -> str:
    puff = (
        disc(140, 124, 18, PAPER, fade(0.8))
        + disc(180, 104, 24, PAPER, fade(0.8))
        + disc(236, 118, 19, PAPER, fade(0.8))
        + disc(212, 84, 12, PAPER, fade(0.7))
    )
    belt = line("M118 212C40 190 30 120 70 100M282 212C360 190 370 120 330 100", COAL, 10)
    body = shape("M108 192H292L278 360Q274 400 236 400H164Q126 400 122 360Z", p.main) + shape(
        "M108 192H146L156 400Q126 396 122 360Z", p.shade
    )
    rim = oval(200, 192, 92, 28, p.pale) + oval(200, 192, 76, 19, "#ffffff") + rect(112, 224, 176, 20, p.accent, 6)
    return (
        puff
        + belt
        + body
        + rim
        + shape("M160 356L196 300L214 330L228 312L250 356Z", p.tint)
        + rect(264, 260, 19, 74, p.deep, 8)
    )


@kind("crashpad", focus=(200, 320), zoom=1.5)
def crashpad(p: Paint, form: int) -> str:
    top = (
        shape("M96 210H304L368 348H32Z", p.main)
        + shape("M200 210H304L368 348H200Z", p.tint, fade(0.4))
        + line("M200 210V348", p.deep, 5)
    )
    edge = (
        rect(32, 346, 336, 52, p.shade, 8)
        + line("M200 348V398", p.deep, 5)
        + rect(92, 346, 26, 52, p.accent)
        + rect(282, 346, 26, 52, p.accent)
    )
    sign = shape("M200 240L256 318H144Z", p.pale) + shape("M200 240L226 276L208 290L196 278L176 274Z", PAPER)
    rock = shape("M150 130L206 92L262 128L282 214H122Z", IRON) + shape("M150 130L206 92L212 150L184 214H122Z", STEEL)
    return rock + top + edge + sign


@kind("iceaxe", lay=True, focus=(200, 130), zoom=1.6)
def iceaxe(p: Paint, form: int) -> str:
    shaft = (
        line("M200 110C196 220 216 300 206 420", p.main, 18)
        + line("M206 330L207 416", COAL, 22)
        + dashes("M206 336L207 412", p.accent, 22, 5, 9)
        + line("M206 424V450", IRON, 8)
    )
    head = shape("M206 92Q120 84 66 152L76 158Q140 122 206 128Z", STEEL) + shape(
        "M200 92H262L288 80V142L262 126H200Z", IRON
    )
    teeth = dashes("M84 156Q140 124 190 128", COAL, 7, 4, 9)
    return turn(
        14, shaft + head + teeth + disc(206, 110, 9, INK) + line("M198 330C140 340 132 420 190 424", p.accent, 7)
    )


@kind("kayak", lay=True, focus=(200, 250), zoom=1.5)
def kayak(p: Paint, form: int) -> str:
    water = line("M30 380Q60 364 90 380T150 380T210 380T270 380T330 380T390 380", SKY, 8) + line(
        "M10 120Q40 104 70 120T130 120", SKY, 8
    )
    hull = shape(
        "M200 20C258 110 268 190 268 250S258 390 200 480C142 390 132 310 132 250S142 110 200 20Z", p.main
    ) + shape("M200 20C258 110 268 190 268 250S258 390 200 480C224 390 232 310 232 250S224 110 200 20Z", p.shade)
    seat = oval(200, 262, 42, 66, p.deep) + oval(200, 270, 30, 46, INK) + rect(178, 286, 44, 24, p.accent, 9)
    deck = (
        line("M172 150L228 186M228 150L172 186", INK, 4) + disc(200, 396, 17, p.accent) + line("M200 60V110", p.tint, 6)
    )
    paddle = turn(
        64,
        rect(194, 60, 12, 380, COAL, 6)
        + shape("M182 40Q200 14 218 40L214 112H186Z", p.accent)
        + shape("M182 460Q200 486 218 460L214 388H186Z", p.accent),
    )
    return water + turn(24, hull + seat + deck) + paddle


@kind("paddle", lay=True, focus=(246, 150), zoom=1.6)
def paddle(p: Paint, form: int) -> str:
    shaft = rect(194, 110, 12, 300, p.main, 6) + rect(190, 236, 20, 28, COAL, 6)
    blade = (
        shape("M164 44Q200 10 236 44Q246 110 212 146H188Q154 110 164 44Z", p.accent)
        + shape("M200 26V146H188Q154 110 164 44Q178 28 200 26Z", p.edge)
        + line("M200 40V138", p.bright, 4)
    )
    one = shaft + blade
    return turn(28, one + f'<g transform="matrix(1 0 0 -1 0 500)">{blade}</g>' + rect(188, 262, 24, 8, p.accent, 4))


@kind("pfd", lay=True, focus=(200, 260), zoom=1.5)
def pfd(p: Paint, form: int) -> str:
    half = shape("M196 178L176 100H132C128 160 110 190 90 206V380Q90 400 112 400H196Z", p.main) + shape(
        "M132 100C128 160 110 190 90 206V380Q90 400 112 400H122V210Q150 180 150 100Z", p.shade
    )
    half += (
        rect(136, 206, 44, 58, p.tint, 10)
        + rect(90, 290, 106, 20, COAL)
        + rect(90, 348, 106, 20, COAL)
        + rect(138, 100, 38, 14, p.accent, 4)
    )
    clips = rect(178, 282, 44, 36, p.accent, 8) + rect(178, 340, 44, 36, p.accent, 8)
    return (
        mirror(half)
        + line("M200 180V400", p.deep, 6)
        + clips
        + rect(140, 222, 36, 8, PAPER, 4)
        + rect(224, 222, 36, 8, PAPER, 4)
    )


@kind("paddleboard", focus=(190, 200), zoom=1.6)
def paddleboard(p: Paint, form: int) -> str:
    board = shape("M168 44C224 44 240 150 240 230S224 400 168 400S96 310 96 230S112 44 168 44Z", p.main) + shape(
        "M168 44C112 44 96 150 96 230S112 400 168 400C136 330 128 310 128 230S138 90 168 44Z", p.shade
    )
    grip = rect(128, 196, 80, 132, p.accent, 20) + dashes("M168 206V320", p.edge, 66, 4, 9)
    oar = (
        rect(290, 96, 11, 210, COAL, 5)
        + rect(278, 82, 35, 18, p.accent, 8)
        + shape("M276 298Q296 286 316 298L312 376Q296 408 280 376Z", p.accent)
    )
    return (
        board
        + grip
        + line("M168 70V170", p.tint, 8)
        + disc(168, 354, 9, p.deep)
        + line("M150 110L186 150M186 110L150 150", INK, 4)
        + oar
    )


@kind("pannier", focus=(200, 280), zoom=1.5)
def pannier(p: Paint, form: int) -> str:
    wheel = ring(200, 336, 156, COAL, 10, ' stroke-dasharray="330 990" transform="rotate(206 200 336)"')
    rack = rect(56, 150, 288, 12, IRON, 6) + line("M106 160L90 230M294 160L310 230", IRON, 8)
    body = (
        rect(98, 178, 204, 222, p.main, 28)
        + rect(98, 178, 54, 222, p.shade, 24)
        + rect(92, 166, 216, 60, p.tint, 20)
        + rect(92, 200, 216, 26, p.shade, 10)
    )
    return (
        wheel
        + rack
        + rect(136, 144, 20, 40, INK, 6)
        + rect(244, 144, 20, 40, INK, 6)
        + body
        + rect(186, 160, 28, 104, p.deep, 5)
        + rect(180, 240, 40, 30, p.accent, 7)
        + rect(128, 318, 144, 16, PAPER, 4, fade(0.9))
        + shape("M176 386L200 348L224 386Z", p.pale)
    )


@kind("snowshoes", lay=True, focus=(150, 250), zoom=1.5)
def snowshoes(p: Paint, form: int) -> str:
    frame = "M136 60C178 60 190 110 188 170L170 400Q156 446 136 446T102 400L84 170C82 110 94 60 136 60Z"
    deck = shape(frame, p.deep) + dashes("M136 84V190M136 330V424", p.shade, 66, 5, 12) + line(frame, p.main, 14)
    bind = (
        rect(102, 196, 68, 132, p.accent, 22)
        + rect(98, 218, 76, 16, COAL, 6)
        + rect(98, 286, 76, 16, COAL, 6)
        + rect(160, 214, 20, 24, STEEL, 5)
    )
    shoe = deck + bind
    return turn(-7, shoe, 136, 250) + f'<g transform="matrix(-1 0 0 1 400 0)">{turn(-7, shoe, 136, 250)}</g>'
