"""Drawings of what a house is fitted with: light, network, comfort, kitchen."""

from __future__ import annotations

from merx.demo.pictures.paint import (
    COAL,
    EMBER,
    GLASS,
    GLOW,
    INK,
    IRON,
    PAPER,
    STEEL,
    Paint,
    dashes,
    disc,
    dots,
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


@kind("bulb", focus=(200, 300), zoom=1.7)
def bulb(p: Paint, form: int) -> str:
    halo = disc(200, 206, 128, GLOW, fade(0.35))
    rays = "".join(turn(angle, rect(195, 58, 10, 30, GLOW, 5), 200, 206) for angle in (-80, -40, 0, 40, 80))
    glass = shape(
        "M200 112A92 92 0 0 0 142 276C158 292 162 304 162 322H238C238 304 242 292 258 276A92 92 0 0 0 200 112Z",
        p.bright,
    )
    glass += shape(
        "M200 112A92 92 0 0 0 142 276C158 292 162 304 162 322H188C150 260 150 160 200 112Z", PAPER, fade(0.45)
    )
    thread = line("M176 246L188 214L200 246L212 214L224 246", p.edge, 6) + line("M188 322V246M212 322V246", p.edge, 4)
    cap = (
        rect(158, 318, 84, 20, p.main, 6)
        + rect(164, 338, 72, 40, STEEL, 6)
        + dashes("M164 348H236M164 366H236", IRON, 6, 72, 0)
    )
    return halo + rays + glass + thread + cap + shape("M174 378H226L214 400H186Z", INK)


@kind("lamp", forms=2, focus=(200, 220), zoom=1.6)
def lamp(p: Paint, form: int) -> str:
    if form:
        glow = oval(200, 300, 150, 96, GLOW, fade(0.35))
        stem = rect(182, 230, 36, 154, p.pale, 12) + shape("M132 400Q136 370 200 370T268 400Z", p.main)
        shade = shape("M76 246C76 150 134 112 200 112S324 150 324 246Q200 276 76 246Z", p.main)
        light = shape("M76 246C76 200 92 166 118 144C100 190 108 236 120 256Q96 252 76 246Z", p.tint)
        return glow + stem + shade + light + oval(200, 251, 112, 13, GLOW) + disc(200, 388, 5, GLOW)
    cone = shape("M282 178L346 214L244 400H88Z", GLOW, fade(0.3))
    base = oval(128, 396, 74, 14, p.deep) + oval(128, 389, 74, 13, p.main)
    arms = (
        line("M128 386L92 252", IRON, 12)
        + line("M92 252L236 130", p.main, 14)
        + disc(92, 252, 15, p.accent)
        + disc(128, 382, 12, p.shade)
    )
    head = turn(
        32,
        shape("M226 150Q226 104 276 104T326 150L342 176H210Z", p.main)
        + rect(262, 90, 28, 20, p.shade, 8)
        + oval(276, 177, 62, 10, GLOW),
        240,
        132,
    )
    return cone + base + arms + head + disc(236, 130, 13, p.accent)


@kind("router", forms=2, focus=(200, 320), zoom=1.6)
def router(p: Paint, form: int) -> str:
    waves = (
        line("M150 136Q200 96 250 136", p.accent, 9, fade(0.55))
        + line("M170 162Q200 138 230 162", p.accent, 9)
        + disc(200, 184, 9, p.accent)
    )
    if form:

        def tower(x: int, top: int, wide: int) -> str:
            body = rect(x, top, wide, 400 - top, p.main, 30) + rect(x, top, wide // 3, 400 - top, p.shade, 15)
            return (
                body
                + rect(x + wide // 2 - 14, top + 36, 28, 7, p.accent, 3)
                + dots(f"M{x + wide // 2} {top + 70}V370", p.deep, 6, 15)
            )

        return waves + tower(70, 250, 84) + tower(246, 250, 84) + tower(150, 208, 100)
    aerial = rect(88, 170, 15, 152, p.deep, 7) + rect(140, 214, 15, 108, p.deep, 7)
    box = (
        rect(50, 306, 300, 78, p.main, 24)
        + rect(50, 306, 300, 32, p.tint, 16, fade(0.5))
        + dots("M90 358H200", GLOW, 9, 22)
    )
    return (
        mirror(aerial)
        + waves
        + box
        + rect(268, 350, 52, 12, p.deep, 6)
        + rect(84, 384, 46, 16, p.deep, 6)
        + rect(270, 384, 46, 16, p.deep, 6)
    )


@kind("doorbell", lay=True, focus=(200, 310), zoom=1.6)
def doorbell(p: Paint, form: int) -> str:
    plate = rect(132, 88, 136, 324, p.shade, 52) + rect(132, 82, 136, 322, p.main, 52)
    eye = disc(200, 162, 46, INK) + disc(200, 162, 31, GLASS) + disc(200, 162, 17, "#37507f") + disc(190, 152, 6, PAPER)
    bell = disc(200, 318, 46, p.deep) + ring(200, 318, 38, p.bright, 7) + disc(200, 318, 26, p.tint)
    bell += shape("M184 328Q188 324 188 314Q188 302 200 302T212 314Q212 324 216 328Z", p.deep) + disc(
        200, 332, 4, p.deep
    )
    waves = line("M294 286Q314 318 294 350", p.accent, 8) + line("M318 268Q348 318 318 368", p.accent, 8, fade(0.5))
    return plate + eye + dots("M182 240H220", p.shade, 7, 19) + bell + mirror(waves)


@kind("homecam", focus=(200, 220), zoom=1.6)
def homecam(p: Paint, form: int) -> str:
    foot = oval(200, 392, 84, 15, p.deep) + oval(200, 384, 84, 15, p.main) + rect(184, 310, 32, 76, p.shade, 10)
    head = disc(200, 224, 104, p.main) + shape(
        "M200 120a104 104 0 0 0 0 208C140 312 116 270 116 224S140 136 200 120Z", p.shade, fade(0.6)
    )
    face = (
        rect(128, 160, 144, 128, INK, 62)
        + disc(200, 224, 44, COAL)
        + disc(200, 224, 30, "#37507f")
        + disc(200, 224, 14, INK)
    )
    return foot + head + face + disc(188, 211, 8, PAPER) + dots("M160 184H244", COAL, 6, 14) + disc(200, 276, 4, EMBER)


@kind("thermostat", lay=True, focus=(240, 220), zoom=1.6)
def thermostat(p: Paint, form: int) -> str:
    body = disc(200, 256, 138, p.shade) + disc(200, 250, 138, p.main) + disc(200, 250, 114, INK)
    track = (
        line("M134 316A93 93 0 1 1 266 316", COAL, 12)
        + line("M134 316A93 93 0 0 1 240 166", p.accent, 12)
        + disc(240, 166, 11, PAPER)
    )
    figure = line("M146 222Q148 204 170 204T194 226Q194 240 148 276H196M214 218L236 204V276", PAPER, 11)
    figure += ring(262, 212, 8, PAPER, 6)
    leaf = shape("M182 322Q184 298 220 298Q218 326 192 326Z", "#7fb795") + line("M184 330L204 310", INK, 3)
    return body + track + figure + leaf


@kind("vacuum", focus=(230, 290), zoom=1.6)
def vacuum(p: Paint, form: int) -> str:
    dust = dots("M24 388H60", IRON, 6, 18) + dots("M34 374H60", IRON, 5, 20)
    side = shape("M62 296V342C62 420 338 420 338 342V296Z", p.shade) + shape(
        "M62 322C62 400 338 400 338 322V342C338 420 62 420 62 342Z", p.deep
    )
    top = oval(200, 296, 138, 72, p.main) + oval(200, 292, 112, 55, p.tint, fade(0.5))
    turret = (
        shape("M152 262V280C152 310 248 310 248 280V262Z", p.deep)
        + oval(200, 262, 48, 22, INK)
        + oval(200, 258, 30, 12, COAL)
    )
    whisk = line("M96 396L66 408M96 396L78 414M96 396L104 416", p.accent, 5)
    return (
        dust
        + whisk
        + side
        + top
        + turret
        + rect(180, 330, 40, 9, p.accent, 4)
        + disc(244, 326, 5, GLOW)
        + rect(150, 376, 100, 10, INK, 5)
    )


@kind("plug", lay=True, focus=(200, 270), zoom=1.6)
def plug(p: Paint, form: int) -> str:
    body = (
        rect(90, 150, 220, 220, p.shade, 62)
        + rect(90, 140, 220, 220, p.main, 62)
        + disc(200, 250, 82, p.pale)
        + ring(200, 250, 82, p.shade, 6)
    )
    holes = (
        rect(164, 222, 15, 44, INK, 5)
        + rect(221, 222, 15, 44, INK, 5)
        + shape("M184 304V296a16 16 0 0 1 32 0V304Z", INK)
    )
    waves = line("M168 112Q200 86 232 112", p.accent, 8) + line("M148 88Q200 46 252 88", p.accent, 8, fade(0.5))
    return waves + body + holes + ring(276, 174, 9, p.accent, 4)


@kind("mug", forms=2, focus=(180, 290), zoom=1.7)
def mug(p: Paint, form: int) -> str:
    steam = line("M164 176C148 152 180 138 164 108M204 176C188 152 220 138 204 108", p.accent, 8, fade(0.45))
    handle = line("M268 248C344 232 344 356 262 344", p.shade, 22)
    if form:
        cup = shape("M94 212H276L264 382Q262 400 242 400H128Q108 400 106 382Z", p.main)
        flecks = "".join(
            disc(x, y, r, p.pale)
            for x, y, r in (
                (122, 256, 4),
                (150, 300, 3),
                (128, 344, 4),
                (172, 250, 3),
                (190, 366, 4),
                (214, 280, 4),
                (244, 256, 3),
                (240, 330, 4),
                (158, 374, 3),
            )
        )
        hills = shape("M128 336L164 284L186 316L202 294L236 336Z", p.pale)
        return (
            steam
            + handle
            + cup
            + flecks
            + hills
            + oval(185, 212, 91, 16, p.deep)
            + oval(185, 216, 76, 10, "#5a3a28")
            + line("M94 212A91 16 0 0 0 276 212", p.accent, 6)
        )
    cup = rect(98, 208, 178, 192, p.main, 26) + rect(98, 208, 52, 192, p.shade, 24) + rect(98, 364, 178, 36, p.deep, 18)
    lid = oval(187, 210, 89, 19, p.tint) + oval(187, 213, 73, 13, "#5a3a28")
    return (
        steam
        + handle
        + cup
        + lid
        + rect(166, 376, 44, 8, GLOW, 4)
        + ring(187, 300, 20, p.pale, 5)
        + line("M187 300V288", p.pale, 5)
    )


@kind("purifier", focus=(200, 190), zoom=1.6)
def purifier(p: Paint, form: int) -> str:
    air = line("M128 118C156 94 176 132 204 106S252 92 276 112", p.accent, 8, fade(0.5)) + line(
        "M152 88C172 70 196 98 222 78", p.accent, 8, fade(0.35)
    )
    body = (
        rect(108, 152, 184, 248, p.main, 40)
        + rect(108, 152, 54, 248, p.shade, 26, fade(0.7))
        + oval(200, 174, 84, 25, p.tint)
    )
    top = oval(200, 173, 64, 17, INK) + oval(200, 173, 46, 10, p.accent)
    return (
        air
        + body
        + top
        + dashes("M200 272V384", p.shade, 132, 6, 9)
        + rect(176, 226, 48, 20, INK, 10)
        + dots("M188 236H214", GLOW, 7, 12)
    )


@kind("streamer", focus=(200, 320), zoom=1.6)
def streamer(p: Paint, form: int) -> str:
    box = shape("M84 330Q84 306 112 306H288Q316 306 316 330V376Q316 400 288 400H112Q84 400 84 376Z", p.main) + rect(
        84, 306, 232, 34, p.tint, 17, fade(0.5)
    )
    screen = (
        rect(92, 128, 216, 140, INK, 10)
        + rect(100, 136, 200, 124, p.bright, 5)
        + disc(200, 198, 34, PAPER)
        + shape("M190 180V216L220 198Z", p.edge)
    )
    return screen + rect(192, 268, 16, 38, IRON) + box + disc(284, 366, 5, GLOW) + rect(116, 360, 60, 12, p.deep, 6)


@kind("cooler", focus=(200, 280), zoom=1.6)
def cooler(p: Paint, form: int) -> str:
    grip = line("M84 292C40 292 40 196 84 190", COAL, 12) + line("M316 292C360 292 360 196 316 190", COAL, 12)
    box = (
        rect(66, 232, 268, 168, p.main, 20)
        + rect(66, 232, 60, 168, p.shade, 18)
        + rect(66, 352, 268, 48, p.shade, 18, fade(0.6))
    )
    lid = rect(56, 176, 288, 66, p.pale, 20) + rect(56, 218, 288, 24, p.tint, 10)
    latch = rect(112, 222, 28, 46, p.accent, 8) + rect(260, 222, 28, 46, p.accent, 8)
    badge = rect(162, 292, 76, 38, p.pale, 10) + line("M200 300V322M190 305L210 317M210 305L190 317", p.edge, 4)
    return (
        grip
        + box
        + lid
        + latch
        + badge
        + dots("M96 388H100M300 388H304", INK, 12, 20)
        + rect(160, 196, 80, 10, p.shade, 5)
    )


@kind("lantern", forms=2, focus=(200, 290), zoom=1.6)
def lantern(p: Paint, form: int) -> str:
    bail = line("M126 190C108 78 292 78 274 190", COAL, 8)
    halo = disc(200, 268, 116, GLOW, fade(0.4))
    cap = (
        shape("M140 196L160 152H240L260 196Z", p.main)
        + rect(178, 136, 44, 20, p.shade, 8)
        + rect(128, 190, 144, 18, p.shade, 8)
    )
    glass = shape("M142 208H258Q276 270 252 330H148Q124 270 142 208Z", "#fff1cf") + shape(
        "M200 318C168 310 170 276 200 236C230 276 232 310 200 318Z", EMBER if form else GLOW
    )
    glass += (
        disc(200, 292, 15, PAPER)
        if not form
        else shape("M200 318C184 310 186 292 200 272C214 292 216 310 200 318Z", GLOW)
    )
    cage = line("M158 208Q140 270 162 330M242 208Q260 270 238 330", p.deep, 5, fade(0.7))
    base = (
        rect(136, 326, 128, 24, p.shade, 8)
        + shape("M140 350H260L276 400H124Z", p.main)
        + rect(182, 364, 36, 14, p.accent, 7)
    )
    return bail + halo + cap + glass + cage + base


@kind("stove", forms=2, focus=(200, 230), zoom=1.6)
def stove(p: Paint, form: int) -> str:
    flame = shape(
        "M166 190C146 150 178 138 174 104C206 118 222 148 212 164C224 160 226 148 224 138C250 168 240 190 234 190Z",
        EMBER,
    )
    flame += shape("M184 190C174 168 194 158 196 140C214 156 224 174 216 190Z", GLOW)
    if form:
        body = (
            rect(60, 252, 280, 132, p.main, 20)
            + rect(60, 252, 280, 44, p.tint, 18)
            + dashes("M84 250H316", COAL, 10, 10, 10)
        )
        rings = oval(134, 250, 50, 10, INK) + oval(266, 250, 50, 10, INK)
        knob = (
            disc(120, 338, 21, p.deep)
            + line("M120 338V322", PAPER, 5)
            + disc(280, 338, 21, p.deep)
            + line("M280 338L292 328", PAPER, 5)
        )
        small = move(34, 132, flame, 0.6) + move(166, 132, flame, 0.6)
        return (
            small
            + body
            + rings
            + knob
            + rect(170, 330, 60, 14, p.accent, 7)
            + rect(84, 384, 40, 16, INK, 4)
            + rect(276, 384, 40, 16, INK, 4)
        )
    arms = line("M200 240L130 190H112M200 240L270 190H288M200 240V196", IRON, 9) + oval(200, 196, 46, 11, COAL)
    valve = rect(184, 222, 32, 44, STEEL, 6) + line("M216 248H268", IRON, 7) + ring(284, 248, 14, p.accent, 6)
    can = shape("M132 296Q132 264 176 262H224Q268 264 268 296V384Q268 400 250 400H150Q132 400 132 384Z", p.main)
    can += (
        shape("M132 296Q132 264 176 262H186Q160 290 160 400H150Q132 400 132 384Z", p.shade)
        + rect(132, 314, 136, 44, p.pale)
        + shape("M176 350L200 320L212 336L220 328L236 350Z", p.accent)
    )
    return flame + arms + valve + can


@kind("cookset", forms=2, focus=(180, 300), zoom=1.6)
def cookset(p: Paint, form: int) -> str:
    if form:
        spout = shape("M268 262L330 214L346 228L276 340Z", p.shade)
        body = shape("M96 372C88 280 120 224 186 224S284 280 276 372Q274 400 246 400H126Q98 400 96 372Z", p.main)
        gleam = shape("M112 366C106 300 124 256 156 240C136 280 132 340 140 390H126Q112 388 112 366Z", p.tint)
        return (
            line("M120 240C116 132 256 132 252 240", COAL, 13)
            + spout
            + body
            + gleam
            + oval(186, 228, 50, 12, p.deep)
            + rect(176, 196, 20, 26, p.accent, 8)
            + rect(100, 378, 172, 9, p.deep, 4)
        )
    steam = line("M150 140C136 122 164 108 150 84M196 140C182 122 210 108 196 84", p.accent, 7, fade(0.4))
    handle = line("M292 300H366", COAL, 17) + line("M306 300H350", p.accent, 6)
    pot = (
        rect(76, 232, 224, 168, p.main, 26)
        + rect(76, 232, 60, 168, p.shade, 24)
        + dashes("M282 250V390", p.deep, 14, 2, 22)
    )
    lid = (
        oval(188, 234, 116, 24, p.pale)
        + oval(188, 228, 94, 15, p.tint)
        + rect(170, 190, 36, 32, COAL, 10)
        + dots("M118 228H130", p.deep, 6, 12)
    )
    return steam + handle + pot + lid


@kind("cutlery", lay=True, focus=(170, 180), zoom=1.6)
def cutlery(p: Paint, form: int) -> str:
    spoon = oval(148, 142, 34, 50, p.main) + oval(148, 138, 23, 37, p.tint) + rect(139, 184, 18, 210, p.main, 9)
    fork = rect(191, 210, 18, 184, p.main, 9) + shape(
        "M168 96V176Q168 216 200 216T232 176V96H220V164H206V96H194V164H180V96Z", p.main
    )
    knife = rect(243, 262, 18, 132, p.main, 9) + shape("M240 268V130Q242 94 268 92V268Z", p.tint)
    wrap = rect(122, 300, 156, 46, p.accent, 10) + rect(122, 316, 156, 6, p.edge)
    return turn(
        10,
        spoon + fork + knife + wrap + disc(200, 378, 4, p.deep) + disc(148, 378, 4, p.deep) + disc(252, 378, 4, p.deep),
    )
