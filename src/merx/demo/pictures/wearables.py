"""Drawings of what is worn with a battery, or carried: watches, glasses, lights, bottles, instruments, tools."""

from __future__ import annotations

from merx.demo.pictures.paint import (
    COAL,
    EMBER,
    GLASS,
    GLOW,
    INK,
    IRON,
    LEAF,
    PAPER,
    SKY,
    STEEL,
    Paint,
    dashes,
    disc,
    dots,
    fade,
    kind,
    line,
    mirror,
    oval,
    rect,
    ring,
    shape,
    turn,
)


@kind("watch", forms=2, lay=True, focus=(200, 250), zoom=1.6)
def watch(p: Paint, form: int) -> str:
    strap = shape("M150 170L160 40Q200 26 240 40L250 170Z", p.main) + shape(
        "M150 330L160 460Q200 474 240 460L250 330Z", p.main
    )
    strap += shape("M150 170L160 40Q168 36 178 34L172 170ZM150 330L160 460Q168 464 178 466L172 330Z", p.shade) + dots(
        "M200 372V446", p.deep, 9, 22
    )
    if form:
        dial = (
            disc(200, 250, 98, STEEL)
            + disc(200, 250, 86, p.deep)
            + disc(200, 250, 78, PAPER)
            + rect(294, 238, 18, 24, STEEL, 6)
        )
        marks = "".join(turn(angle, rect(197, 178, 6, 14, COAL, 3), 200, 250) for angle in range(0, 360, 30))
        hands = (
            line("M200 250L168 220", INK, 9)
            + line("M200 250L240 206", INK, 6)
            + line("M200 250V302", p.accent, 4)
            + disc(200, 250, 8, p.accent)
        )
        return strap + dial + marks + hands
    case = rect(108, 150, 184, 200, STEEL, 56) + rect(116, 158, 168, 184, INK, 48) + rect(288, 210, 14, 42, IRON, 7)
    rings = (
        ring(200, 250, 58, COAL, 14)
        + line("M200 192A58 58 0 1 1 150 279", p.accent, 14)
        + ring(200, 250, 38, COAL, 12)
        + line("M200 212A38 38 0 0 1 219 283", GLOW, 12)
    )
    return (
        strap
        + case
        + rings
        + shape("M200 268C178 252 184 234 194 236Q199 237 200 243Q201 237 206 236C216 234 222 252 200 268Z", EMBER)
    )


@kind("band", lay=True, focus=(160, 220), zoom=1.6)
def band(p: Paint, form: int) -> str:
    def strap(tone: str, dark: str) -> str:
        return rect(158, 36, 84, 428, tone, 42) + rect(158, 36, 28, 428, dark, 14) + dots("M204 372V440", dark, 9, 20)

    spare = turn(22, strap(p.accent, p.edge) + rect(158, 226, 84, 70, p.edge, 10))
    face = (
        rect(148, 144, 104, 196, STEEL, 46)
        + rect(155, 151, 90, 182, INK, 40)
        + line("M172 212H186L194 192L206 230L214 212H228", p.bright, 5)
    )
    bars = rect(176, 268, 12, 28, GLOW, 4) + rect(194, 254, 12, 42, EMBER, 4) + rect(212, 262, 12, 34, LEAF, 4)
    return spare + turn(-14, strap(p.main, p.shade) + rect(176, 58, 48, 12, STEEL, 6) + face + bars)


@kind("ring", focus=(200, 220), zoom=1.6)
def smart_ring(p: Paint, form: int) -> str:
    loop = f'<ellipse cx="200" cy="280" rx="98" ry="108" fill="none" stroke="{p.main}" stroke-width="36"/>'
    inner = f'<ellipse cx="204" cy="284" rx="84" ry="94" fill="none" stroke="{p.deep}" stroke-width="12"/>'
    light = line("M118 220Q146 172 196 168", p.pale, 9) + line("M282 330Q262 372 222 384", p.shade, 10)
    lights = disc(254, 350, 6, GLOW) + disc(140, 346, 6, LEAF) + disc(196, 372, 6, EMBER)
    spark = shape("M282 118L290 142L314 150L290 158L282 182L274 158L250 150L274 142Z", p.accent)
    return (
        loop
        + inner
        + light
        + lights
        + spark
        + shape("M120 128L125 143L140 148L125 153L120 168L115 153L100 148L115 143Z", p.accent, fade(0.6))
    )


@kind("glasses", forms=3, lay=True, focus=(120, 250), zoom=1.6)
def glasses(p: Paint, form: int) -> str:
    temples = line("M62 222C70 150 92 130 128 128", p.shade, 12)
    if form == 2:
        visor = shape(
            "M44 214Q200 176 356 214Q362 300 300 318Q246 326 222 284Q200 260 178 284Q154 326 100 318Q38 300 44 214Z",
            p.accent,
        )
        gleam = shape("M70 226Q120 210 170 210L120 306H104Q62 292 70 226Z", PAPER, fade(0.28))
        return turn(-8, mirror(temples) + visor + gleam + line("M44 214Q200 176 356 214", p.main, 15))
    tone = p.accent if form else GLASS
    eye = rect(50, 208, 132, 100, tone, 44) + shape("M78 222H124L92 294Q62 286 64 250Z", PAPER, fade(0.25))
    rim = f'<rect x="50" y="208" width="132" height="100" rx="44" fill="none" stroke="{p.main}" stroke-width="14"/>'
    extra = "" if form else rect(40, 214, 34, 22, p.main, 8) + disc(56, 225, 5, p.accent)
    return turn(-8, mirror(temples + eye + rim + extra) + line("M180 244Q200 228 220 244", p.main, 13))


@kind("headlamp", lay=True, focus=(200, 300), zoom=1.6)
def headlamp(p: Paint, form: int) -> str:
    beam = shape("M168 330L92 470H308L232 330Z", GLOW, fade(0.4))
    loop = f'<ellipse cx="200" cy="214" rx="132" ry="104" fill="none" stroke="{p.main}" stroke-width="32"/>' + line(
        "M78 184Q96 132 154 116", p.tint, 6
    )
    crown = line("M200 96C160 130 160 200 188 286", p.shade, 20) + dashes(
        "M92 268Q120 312 168 320", p.accent, 8, 16, 10
    )
    body = (
        rect(128, 266, 144, 92, p.deep, 30)
        + disc(200, 312, 34, STEEL)
        + disc(200, 312, 24, "#fff1cf")
        + disc(200, 312, 11, GLOW)
    )
    return (
        beam
        + loop
        + crown
        + body
        + rect(168, 258, 64, 14, p.accent, 7)
        + disc(148, 312, 5, EMBER)
        + disc(252, 312, 5, LEAF)
    )


@kind("bikelight", lay=True, focus=(200, 220), zoom=1.6)
def bikelight(p: Paint, form: int) -> str:
    rays = "".join(turn(a, rect(195, 52, 10, 40, GLOW, 5), 200, 226) for a in (-64, -32, 0, 32, 64))
    bar = rect(30, 372, 340, 34, COAL, 17) + rect(30, 378, 340, 8, IRON, 4, fade(0.5))
    clamp = rect(162, 304, 76, 116, p.shade, 22) + rect(176, 384, 48, 12, p.accent, 6)
    head = (
        rect(110, 132, 180, 190, p.main, 62)
        + disc(200, 222, 76, p.deep)
        + disc(200, 222, 64, STEEL)
        + disc(200, 222, 54, "#fff1cf")
    )
    cells = "".join(turn(a, disc(200, 194, 14, GLOW), 200, 222) for a in (0, 120, 240))
    return rays + bar + clamp + head + cells + disc(200, 222, 6, IRON) + rect(180, 138, 40, 8, p.accent, 4)


@kind("bottle", forms=4, focus=(200, 200), zoom=1.6)
def bottle(p: Paint, form: int) -> str:
    if form == 1:
        neck = (
            rect(168, 112, 64, 36, p.accent, 10)
            + rect(160, 142, 80, 22, p.edge, 8)
            + line("M232 126C300 120 300 196 262 214", p.accent, 8)
        )
        body = rect(130, 162, 140, 238, p.pale, 36, fade(0.9)) + shape(
            "M130 252Q166 236 200 252T270 252V364a36 36 0 0 1-36 36H166a36 36 0 0 1-36-36Z", p.main, fade(0.85)
        )
        return neck + body + dashes("M250 214V376", p.deep, 18, 3, 17) + rect(146, 180, 14, 190, PAPER, 7, fade(0.5))
    if form == 2:
        cap = (
            rect(150, 92, 100, 76, p.accent, 20) + rect(150, 92, 34, 76, p.edge, 14) + rect(144, 160, 112, 18, STEEL, 5)
        )
        body = (
            rect(130, 176, 140, 224, p.main, 26) + rect(130, 176, 42, 224, p.shade, 20) + rect(130, 366, 140, 14, STEEL)
        )
        return (
            line("M270 216C330 220 330 336 270 340", COAL, 14)
            + body
            + cap
            + rect(190, 244, 50, 50, p.pale, 25)
            + shape("M198 284L214 258L222 270L228 264L236 284Z", p.shade)
        )
    if form == 3:
        straw = (
            rect(166, 92, 68, 48, p.accent, 18) + rect(184, 74, 32, 28, p.pale, 8) + rect(146, 136, 108, 26, p.edge, 8)
        )
        body = shape(
            "M140 162H260L252 250Q248 280 256 310L262 372Q264 400 236 400H164Q136 400 138 372L144 310Q152 280 148 250Z",
            p.main,
        )
        return (
            straw
            + body
            + shape("M140 162H172L170 400H164Q136 400 138 372L144 310Q152 280 148 250Z", p.shade)
            + line("M182 300Q200 330 218 300Q200 262 182 300Z", p.pale, 5)
            + dashes("M236 180V240", p.pale, 16, 3, 12)
        )
    loop = line("M172 118C172 66 228 66 228 118", p.accent, 13)
    neck = rect(162, 108, 76, 48, p.accent, 12) + rect(162, 108, 26, 48, p.edge, 10) + rect(168, 152, 64, 20, STEEL)
    body = shape("M168 168H232Q268 190 268 232V374Q268 400 242 400H158Q132 400 132 374V232Q132 190 168 168Z", p.main)
    side = shape("M168 168H182Q166 196 166 232V400H158Q132 400 132 374V232Q132 190 168 168Z", p.shade)
    return (
        loop
        + neck
        + body
        + side
        + shape("M178 322L206 276L218 294L228 282L250 322Z", p.pale)
        + disc(234, 262, 8, p.pale)
    )


@kind("compass", lay=True, focus=(220, 230), zoom=1.6)
def compass(p: Paint, form: int) -> str:
    cord = line("M200 92C180 30 270 20 300 60S290 120 240 104", p.accent, 8)
    plate = (
        rect(98, 96, 204, 308, p.pale, 22, fade(0.75))
        + dashes("M112 118V382", p.deep, 12, 2, 8)
        + dashes("M288 118V382", p.deep, 12, 2, 8)
    )
    dial = disc(200, 274, 92, p.main) + disc(200, 274, 76, PAPER) + ring(200, 274, 66, STEEL, 3)
    ticks = "".join(turn(a, rect(198, 204, 4, 13, COAL, 2), 200, 274) for a in range(0, 360, 30))
    needle = turn(34, shape("M200 214L214 274H186Z", EMBER) + shape("M200 334L214 274H186Z", IRON), 200, 274)
    arrow = shape("M200 122L220 156H208V176H192V156H180Z", p.accent)
    return turn(8, cord + plate + arrow + dial + ticks + needle + disc(200, 274, 7, INK))


@kind("binoculars", focus=(140, 340), zoom=1.6)
def binoculars(p: Paint, form: int) -> str:
    barrel = rect(116, 116, 56, 40, INK, 10) + shape("M116 150H172L180 236L190 376H82L96 236Z", p.main)
    barrel += (
        shape("M116 150H136L124 376H82L96 236Z", p.shade)
        + rect(110, 190, 70, 20, p.deep)
        + rect(74, 356, 122, 26, p.deep, 8)
    )
    glass = oval(135, 384, 58, 17, INK) + oval(135, 384, 44, 11, "#37507f") + oval(118, 381, 12, 4, PAPER, fade(0.8))
    bridge = (
        rect(168, 206, 64, 34, p.deep, 8)
        + rect(184, 160, 32, 56, p.accent, 10)
        + dashes("M188 188H214", p.edge, 50, 4, 4)
    )
    strap = line("M108 172C20 180 36 340 66 352", p.accent, 8) + line("M292 172C380 180 364 340 334 352", p.accent, 8)
    return strap + bridge + mirror(barrel + glass)


@kind("gps", focus=(200, 240), zoom=1.6)
def gps(p: Paint, form: int) -> str:
    aerial = rect(222, 78, 38, 76, p.deep, 17)
    body = (
        rect(122, 120, 156, 280, p.main, 38) + rect(122, 120, 40, 280, p.shade, 20) + rect(140, 146, 120, 156, INK, 14)
    )
    chart = rect(148, 154, 104, 140, "#dfe9cf", 7) + shape(
        "M148 236Q180 214 200 240T252 232V287a7 7 0 0 1-7 7H155a7 7 0 0 1-7-7Z", SKY
    )
    route = dashes("M164 204Q186 172 206 190T238 176", EMBER, 5, 9, 6) + shape(
        "M238 178C222 160 228 146 238 146S254 160 238 178Z", EMBER
    )
    keys = (
        disc(200, 348, 28, p.deep)
        + disc(200, 348, 13, p.accent)
        + disc(156, 330, 8, p.deep)
        + disc(244, 330, 8, p.deep)
    )
    return aerial + body + chart + route + keys


@kind("map", lay=True, focus=(250, 210), zoom=1.6)
def chart(p: Paint, form: int) -> str:
    folds = ((52, 126, 150), (126, 150, 126), (200, 126, 150), (274, 150, 126))
    sheet = "".join(
        shape(f"M{x} {a}L{x + 74} {b}V{b + 244}L{x} {a + 244}Z", tone)
        for (x, a, b), tone in zip(folds, (PAPER, "#efe6d2", PAPER, "#efe6d2"), strict=True)
    )
    water = shape("M52 300Q110 270 150 306T230 330T348 300V370L274 394L200 370L126 394L52 370Z", SKY, fade(0.8))
    lines = line(
        "M76 190Q120 152 170 186T170 246T90 244T76 190ZM96 198Q124 176 152 196T152 230T104 230T96 198Z", p.main, 3
    )
    wood = shape("M262 176L284 214H240ZM292 190L312 226H272ZM250 206L270 244H230Z", LEAF)
    route = (
        dashes("M120 214Q180 280 226 250T316 270", p.accent, 6, 12, 9)
        + shape("M316 272C292 244 300 222 316 222S340 244 316 272Z", EMBER)
        + disc(316, 242, 6, PAPER)
    )
    return turn(-5, sheet + water + lines + wood + route)


@kind("multitool", forms=2, lay=True, focus=(200, 200), zoom=1.6)
def multitool(p: Paint, form: int) -> str:
    blade = shape("M186 250L176 92Q178 60 206 48Q224 120 222 250Z", STEEL) + shape(
        "M206 48Q224 120 222 250H208Q214 130 206 48Z", IRON
    )
    if form:
        handle = (
            rect(166, 232, 70, 196, p.main, 30)
            + rect(166, 232, 26, 196, p.shade, 13)
            + disc(201, 256, 9, STEEL)
            + disc(201, 400, 8, PAPER)
        )
        return turn(
            28,
            blade
            + handle
            + dots("M212 290V366", p.deep, 7, 17)
            + line("M201 400C160 460 250 470 236 440", p.accent, 6),
        )
    tools = turn(-62, shape("M176 258L182 108H214L220 258Z", IRON) + rect(180, 96, 38, 26, STEEL, 5), 200, 270)
    tools += turn(
        66,
        shape("M190 258L186 130Q186 106 200 104T214 130L210 258Z", STEEL)
        + line("M200 104C186 92 180 116 194 122", IRON, 7),
        200,
        270,
    )
    body = (
        rect(150, 222, 100, 204, p.shade, 46)
        + rect(144, 216, 100, 204, p.main, 46)
        + disc(194, 256, 11, STEEL)
        + disc(194, 380, 11, STEEL)
    )
    badge = shape("M168 336L190 298L202 318L208 310L222 336Z", PAPER)
    return turn(14, tools + blade + body + badge)


@kind("axe", lay=True, focus=(200, 160), zoom=1.6)
def axe(p: Paint, form: int) -> str:
    haft = shape("M188 128H216L224 380Q238 420 212 428H190Q176 420 184 390Z", p.main) + shape(
        "M188 128H198L200 428H190Q176 420 184 390Z", p.shade
    )
    head = shape("M176 104H236V178L218 186Q150 190 108 232Q86 160 112 82Q150 112 176 104Z", IRON) + shape(
        "M108 232Q86 160 112 82L126 92Q108 160 122 220Z", STEEL
    )
    wrap = dashes("M202 300V372", p.accent, 36, 9, 5)
    return turn(16, haft + head + wrap + disc(202, 406, 7, p.deep) + rect(190, 112, 26, 12, COAL, 3))


@kind("firstaid", focus=(200, 300), zoom=1.6)
def firstaid(p: Paint, form: int) -> str:
    bag = (
        line("M150 206C150 152 250 152 250 206", p.deep, 15)
        + rect(74, 200, 252, 200, p.main, 36)
        + rect(74, 330, 252, 70, p.shade, 34)
    )
    zip_ = dashes("M84 246H316", p.deep, 7, 6, 4) + rect(286, 240, 14, 40, p.accent, 6)
    cross = disc(200, 316, 56, PAPER) + rect(186, 278, 28, 76, p.main, 5) + rect(162, 302, 76, 28, p.main, 5)
    return bag + zip_ + cross


@kind("pump", lay=True, focus=(200, 150), zoom=1.6)
def pump(p: Paint, form: int) -> str:
    hose = line("M200 96C230 40 310 70 296 150S276 230 300 262", COAL, 9) + rect(288, 256, 26, 44, p.accent, 7)
    barrel = (
        rect(176, 96, 48, 216, p.main, 14)
        + rect(176, 96, 18, 216, p.shade, 9)
        + rect(168, 86, 64, 30, p.deep, 9)
        + rect(190, 312, 20, 52, STEEL)
    )
    grip = rect(160, 356, 80, 64, p.deep, 22) + dashes("M172 388H230", COAL, 42, 5, 6)
    patch = rect(70, 180, 66, 92, p.accent, 12) + rect(82, 196, 42, 10, PAPER, 5) + disc(103, 240, 15, INK)
    return turn(10, hose + barrel + grip + patch + dots("M200 150V268", p.pale, 6, 22))
