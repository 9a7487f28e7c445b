"""Drawings of computers, what is plugged into them, and games."""

from __future__ import annotations

from merx.demo.pictures.paint import (
    COAL,
    EMBER,
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


def wallpaper(p: Paint, x: int, y: int, w: int, h: int, r: int = 4) -> str:
    """A quiet landscape for a screen: sky, sun and two hills in the product's second colour."""
    low, mid = y + h, y + h * 0.62
    sky = rect(x, y, w, h, p.bright, r)
    sun = disc(round(x + w * 0.7), round(y + h * 0.34), round(min(w, h) * 0.13), GLOW)
    far = f"M{x} {low - r}V{mid:.0f}Q{x + w * 0.3:.0f} {y + h * 0.38:.0f} {x + w * 0.56:.0f} {low}H{x + r}"
    far += f"Q{x} {low} {x} {low - r}Z"
    right = x + w
    near = f"M{right} {low - r}V{mid + 4:.0f}Q{x + w * 0.7:.0f} {y + h * 0.5:.0f} {x + w * 0.16:.0f} {low}H{right - r}"
    near += f"Q{right} {low} {right} {low - r}Z"
    return sky + sun + shape(far, p.accent) + shape(near, p.edge)


@kind("laptop", forms=2, focus=(250, 320), zoom=1.7)
def laptop(p: Paint, form: int) -> str:
    lid = rect(74, 172, 252, 186, p.shade, 16) + rect(82, 180, 236, 170, INK, 10)
    screen = wallpaper(p, 90, 190, 220, 152)
    if form:
        window = rect(108, 208, 120, 92, PAPER, 6) + rect(108, 208, 120, 14, STEEL, 6)
        screen += window + line("M120 240H190M120 256H208M120 272H176", IRON, 5) + rect(240, 226, 54, 54, PAPER, 6)
        screen += disc(267, 253, 15, p.accent)
    base = shape("M70 356H330L366 388Q370 402 354 402H46Q30 402 34 388Z", p.main)
    keys = dashes("M88 366H312M80 376H320", p.deep, 6, 13, 3) + rect(166, 382, 68, 12, p.shade, 3)
    return lid + screen + base + keys + shape("M34 390H366Q368 402 354 402H46Q32 402 34 390Z", p.deep, fade(0.5))


@kind("minipc", focus=(260, 330))
def minipc(p: Paint, form: int) -> str:
    box = shape("M96 286L130 236H270L304 286Z", p.tint) + rect(92, 282, 216, 118, p.main, 16)
    box += rect(92, 282, 216, 40, p.tint, 16, fade(0.35)) + oval(200, 262, 38, 11, p.pale)
    ports = rect(116, 344, 34, 12, INK, 5) + rect(160, 344, 34, 12, INK, 5) + disc(214, 350, 8, INK)
    vents = dashes("M112 304H288", p.deep, 10, 5, 6)
    return (
        box
        + vents
        + ports
        + ring(276, 350, 12, p.accent, 4)
        + disc(276, 350, 3, GLOW)
        + rect(120, 398, 160, 6, p.deep, 3)
    )


@kind("monitor", forms=2, focus=(140, 236), zoom=1.6)
def monitor(p: Paint, form: int) -> str:
    if form:
        stand = shape("M184 310H216L226 384H174Z", p.shade) + rect(116, 384, 168, 16, p.main, 8)
        shell = shape("M22 156Q200 182 378 156V318Q200 338 22 318Z", INK)
        view = shape("M32 168Q200 192 368 168V308Q200 326 32 308Z", p.bright) + disc(292, 216, 20, GLOW)
        hills = shape("M32 262Q120 196 214 319Q110 318 32 308Z", p.accent)
        return stand + shell + view + hills + shape("M368 256Q270 218 150 316Q270 324 368 308Z", p.edge)
    stand = shape("M180 318H220L228 386H172Z", p.shade) + rect(132, 384, 136, 16, p.main, 8)
    shell = rect(46, 122, 308, 206, p.deep, 14) + rect(54, 130, 292, 174, INK, 8)
    return (
        stand
        + shell
        + wallpaper(p, 58, 134, 284, 166)
        + rect(46, 306, 308, 22, p.main, 8)
        + disc(200, 317, 4, p.accent)
    )


@kind("keyboard", forms=2, lay=True, focus=(120, 230), zoom=1.7)
def keyboard(p: Paint, form: int) -> str:
    if form:
        deck = rect(34, 190, 332, 130, p.shade, 18) + rect(34, 184, 332, 128, p.main, 18)
        keys = dashes("M50 206H350M50 230H350M50 254H350M50 278H350", p.pale, 17, 17, 4)
        wide = rect(134, 291, 126, 13, p.pale, 3) + rect(50, 291, 76, 13, p.pale, 3) + rect(268, 291, 82, 13, p.pale, 3)
        return turn(-14, deck + keys + wide + rect(330, 245, 20, 42, p.accent, 3))
    deck = (
        rect(34, 178, 332, 156, p.deep, 16) + rect(34, 168, 332, 154, p.main, 16) + rect(44, 178, 312, 134, p.deep, 8)
    )
    base = dashes("M50 194H350M50 222H350M50 250H350M50 278H350", p.pale, 24, 22, 4)
    caps = dashes("M52 191H350M52 219H350M52 247H350M52 275H350", PAPER, 17, 18, 8)
    space = rect(132, 293, 124, 17, p.pale, 3) + rect(50, 293, 76, 17, p.pale, 3) + rect(262, 293, 88, 17, p.pale, 3)
    bright = (
        rect(50, 182, 22, 24, p.accent, 3) + rect(310, 238, 40, 24, p.accent, 3) + rect(134, 293, 120, 14, p.bright, 3)
    )
    return turn(-14, deck + base + caps + space + bright)


@kind("mouse", forms=2, lay=True, focus=(200, 190), zoom=1.7)
def mouse(p: Paint, form: int) -> str:
    outline = (
        "M200 104C258 104 286 150 286 218V292C286 356 252 396 200 396S114 356 114 292V218C114 150 142 104 200 104Z"
    )
    body = shape(outline, p.main) + shape(
        "M114 238V292C114 356 148 396 200 396S286 356 286 292V238Q200 280 114 238Z", p.shade
    )
    split = line("M200 104V250", p.deep, 4) + rect(184, 146, 32, 66, p.deep, 16) + rect(191, 156, 18, 46, p.accent, 9)
    if form:
        split += line("M126 226C150 258 164 320 200 352C236 320 250 258 274 226", p.accent, 8)
        split += rect(104, 214, 16, 36, p.deep, 8) + rect(104, 258, 16, 36, p.deep, 8) + disc(200, 232, 6, GLOW)
        return turn(8, line("M200 104C200 60 250 70 252 16", COAL, 7) + body + split)
    return turn(
        8, body + split + shape("M140 150Q156 122 186 118V160Q150 166 134 190Z", p.tint) + disc(200, 340, 9, p.tint)
    )


@kind("webcam", focus=(200, 240), zoom=1.7)
def webcam(p: Paint, form: int) -> str:
    stage = rect(30, 322, 340, 78, INK) + rect(30, 322, 340, 10, COAL) + rect(44, 342, 312, 58, p.bright)
    stage += shape("M44 400Q140 330 250 400Z", p.accent)
    clip = rect(156, 286, 88, 34, p.shade, 8) + rect(130, 310, 140, 22, p.deep, 8)
    body = (
        rect(82, 182, 236, 114, p.main, 57)
        + disc(200, 239, 48, p.deep)
        + disc(200, 239, 36, INK)
        + disc(200, 239, 24, "#37507f")
    )
    return (
        stage
        + clip
        + body
        + disc(200, 239, 11, INK)
        + disc(190, 229, 6, PAPER)
        + dots("M112 239H136M264 239H290", p.shade, 8, 13)
        + disc(262, 212, 4, EMBER)
    )


@kind("ssd", lay=True, focus=(200, 200), zoom=1.7)
def ssd(p: Paint, form: int) -> str:
    cable = line("M200 132C200 70 280 112 286 46", COAL, 13) + rect(178, 108, 44, 40, IRON, 8)
    body = rect(124, 142, 152, 240, p.shade, 28) + rect(120, 136, 152, 240, p.main, 28)
    ribs = dashes("M196 160V352", p.shade, 112, 7, 11)
    label = rect(150, 214, 92, 84, p.main, 12) + rect(162, 230, 68, 9, p.accent, 4) + rect(162, 248, 44, 7, p.pale, 3)
    return turn(12, cable + body + ribs + label + disc(168, 280, 5, GLOW))


@kind("nas", focus=(200, 300))
def nas(p: Paint, form: int) -> str:
    box = (
        rect(102, 156, 196, 244, p.shade, 20)
        + rect(102, 156, 186, 244, p.main, 20)
        + rect(116, 172, 158, 212, p.deep, 12)
    )
    for x in (126, 200):
        box += (
            rect(x, 184, 66, 152, p.shade, 8)
            + rect(x + 10, 196, 46, 12, p.accent, 4)
            + dots(f"M{x + 14} 236V316M{x + 33} 236V316M{x + 52} 236V316", p.deep, 7, 14)
        )
    lights = dots("M140 360H190", GLOW, 8, 20) + ring(252, 360, 9, p.pale, 3)
    return box + lights + rect(120, 398, 40, 8, INK, 3) + rect(230, 398, 40, 8, INK, 3)


@kind("tablet", forms=3, focus=(220, 200), zoom=1.6)
def tablet(p: Paint, form: int) -> str:
    if form == 2:
        slab = (
            rect(42, 196, 316, 206, p.shade, 20)
            + rect(42, 188, 316, 206, p.main, 20)
            + rect(96, 204, 246, 174, p.deep, 8)
        )
        drawing = line("M130 330C160 230 190 350 220 280S280 250 310 300", p.accent, 8) + dots(
            "M66 230V352", p.pale, 15, 30
        )
        pen = turn(
            32,
            rect(282, 100, 17, 166, PAPER, 8) + rect(282, 150, 17, 30, p.accent) + shape("M282 260H299L291 288Z", INK),
            290,
            270,
        )
        return slab + drawing + pen
    back = rect(90, 108, 220, 292, p.shade, 24) + rect(90, 104, 216, 292, p.main, 24)
    if form == 0:
        icons = dots("M140 352H260", PAPER, 28, 40)
        return (
            back
            + rect(96, 110, 204, 280, INK, 19)
            + wallpaper(p, 106, 124, 184, 252, 8)
            + rect(118, 334, 160, 36, INK, 14, fade(0.25))
            + icons
        )
    page = rect(112, 128, 172, 222, PAPER, 6) + rect(140, 150, 116, 10, COAL, 5)
    words = "".join(
        line(f"M130 {182 + i * 19}H{(266, 262, 268, 244, 266, 258, 264, 200)[i]}", IRON, 5) for i in range(8)
    )
    return back + page + words + disc(198, 372, 9, p.deep)


@kind("phone", forms=2, focus=(150, 170), zoom=1.7)
def phone(p: Paint, form: int) -> str:
    back = rect(84, 112, 146, 288, p.shade, 30) + rect(84, 112, 140, 288, p.main, 30)
    if form:
        eyes = rect(98, 126, 78, 42, p.tint, 21) + disc(119, 147, 15, INK) + disc(155, 147, 15, INK)
        eyes += disc(119, 147, 7, "#37507f") + disc(155, 147, 7, "#37507f")
    else:
        eyes = (
            rect(98, 126, 66, 86, p.tint, 22)
            + disc(122, 150, 16, INK)
            + disc(122, 188, 16, INK)
            + disc(150, 169, 6, GLOW)
        )
        eyes += disc(122, 150, 7, "#37507f") + disc(122, 188, 7, "#37507f")
    front = rect(176, 136, 146, 266, INK, 28) + wallpaper(p, 184, 144, 130, 250, 21) + rect(228, 152, 42, 11, INK, 5)
    clock = rect(212, 186, 74, 17, PAPER, 8) + rect(226, 211, 46, 6, PAPER, 3)
    return back + eyes + disc(128, 300, 12, p.shade) + front + clock + rect(222, 384, 54, 4, PAPER, 2)


@kind("handheld", lay=True, focus=(110, 250), zoom=1.6)
def handheld(p: Paint, form: int) -> str:
    body = (
        rect(28, 174, 344, 160, p.deep, 48)
        + rect(28, 168, 344, 158, p.main, 48)
        + rect(302, 168, 70, 158, p.accent, 35)
    )
    body += rect(92, 182, 216, 130, INK, 10) + rect(86, 168, 6, 158, p.shade) + rect(308, 168, 8, 158, p.accent)
    game = (
        rect(102, 192, 196, 110, "#7cc4e8", 4)
        + disc(264, 216, 13, GLOW)
        + shape("M102 302V270H160V250H204V274H250V258H298V302Z", p.edge)
    )
    game += rect(150, 228, 16, 22, EMBER, 4) + dots("M214 230H250", GLOW, 9, 17)
    left = (
        disc(59, 214, 20, p.deep)
        + disc(59, 212, 13, COAL)
        + rect(52, 252, 14, 44, INK, 4)
        + rect(37, 267, 44, 14, INK, 4)
    )
    right = (
        disc(341, 276, 20, INK)
        + disc(341, 274, 13, COAL)
        + "".join(disc(x, y, 7, INK) for x, y in ((341, 196), (341, 232), (323, 214), (359, 214)))
    )
    return turn(-8, body + game + left + right)


DASHED = ' stroke-dasharray="9 8"'

PAD = (
    "M120 214H280C336 214 360 290 360 342C360 394 316 396 290 352Q276 330 250 330H150"
    "Q124 330 110 352C84 396 40 394 40 342C40 290 64 214 120 214Z"
)


@kind("controller", lay=True, focus=(130, 270), zoom=1.6)
def controller(p: Paint, form: int) -> str:
    triggers = rect(84, 188, 74, 40, p.deep, 16) + rect(242, 188, 74, 40, p.deep, 16)
    body = move(0, 8, shape(PAD, p.deep)) + shape(PAD, p.main) + shape("M146 214H254L236 262H164Z", p.shade)
    cross = rect(96, 246, 20, 58, INK, 6) + rect(77, 265, 58, 20, INK, 6)
    sticks = "".join(disc(x, 308, 26, p.deep) + disc(x, 304, 19, COAL) + ring(x, 304, 12, IRON, 3) for x in (160, 240))
    keys = (
        disc(294, 244, 11, GLOW)
        + disc(294, 306, 11, p.accent)
        + disc(264, 275, 11, EMBER)
        + disc(324, 275, 11, p.bright)
    )
    return turn(-6, triggers + body + cross + sticks + keys + rect(188, 240, 24, 10, p.accent, 5))


@kind("console", focus=(230, 320), zoom=1.6)
def console(p: Paint, form: int) -> str:
    tower = shape("M128 98Q160 120 160 250T128 396H96Q118 250 96 98Z", p.shade) + rect(128, 108, 66, 292, INK, 6)
    tower += (
        shape("M194 98Q176 250 204 396H236Q222 250 232 98Z", p.main)
        + rect(140, 130, 42, 6, p.accent, 3)
        + rect(140, 350, 42, 6, COAL, 3)
    )
    tower += disc(161, 376, 6, GLOW) + rect(100, 394, 132, 8, p.deep, 4)
    pad = (
        shape(PAD, p.main)
        + shape("M146 214H254L236 262H164Z", p.shade)
        + disc(106, 268, 22, INK)
        + disc(160, 308, 22, COAL)
        + disc(240, 308, 22, COAL)
    )
    pad += (
        disc(294, 246, 10, GLOW)
        + disc(294, 302, 10, p.accent)
        + disc(266, 275, 10, EMBER)
        + disc(322, 275, 10, p.bright)
    )
    return tower + move(170, 216, pad, 0.5)


@kind("vr", focus=(200, 260), zoom=1.6)
def vr(p: Paint, form: int) -> str:
    strap = (
        line("M84 250C84 130 316 130 316 250", p.deep, 26)
        + line("M200 160V210", p.deep, 22)
        + line("M96 226C112 152 288 152 304 226", COAL, 6)
    )
    visor = rect(64, 212, 272, 132, p.main, 54) + rect(64, 212, 272, 60, p.tint, 30, fade(0.6))
    glass = rect(84, 232, 232, 96, INK, 40) + shape(
        "M104 262Q110 246 134 244H220L170 318H130Q96 314 104 262Z", "#37507f", fade(0.6)
    )
    eyes = "".join(disc(x, y, 8, COAL) + disc(x, y, 4, SKYLINE) for x in (112, 288) for y in (258, 304))
    wand = ring(118, 372, 20, p.shade, 8) + rect(104, 368, 28, 32, p.main, 12)
    return strap + visor + glass + eyes + mirror(wand) + rect(186, 322, 28, 6, p.accent, 3)


SKYLINE = "#7f9bd0"


@kind("hub", lay=True, focus=(190, 260), zoom=1.6)
def hub(p: Paint, form: int) -> str:
    cable = (
        line("M330 250C384 250 384 150 322 140S250 116 252 92", COAL, 13)
        + rect(240, 50, 24, 40, STEEL, 5)
        + rect(235, 78, 34, 42, p.main, 8)
    )
    body = (
        rect(58, 208, 280, 100, p.shade, 22)
        + rect(58, 200, 280, 98, p.main, 22)
        + rect(58, 200, 280, 36, p.tint, 18, fade(0.4))
    )
    ports = (
        rect(84, 248, 44, 20, INK, 4)
        + rect(140, 248, 44, 20, INK, 4)
        + rect(90, 252, 32, 6, p.accent)
        + rect(146, 252, 32, 6, p.accent)
    )
    ports += shape("M200 246H242L236 270H206Z", INK) + rect(258, 250, 30, 16, INK, 8) + disc(312, 258, 5, GLOW)
    return turn(10, cable + body + ports)


@kind("charger", focus=(200, 300))
def charger(p: Paint, form: int) -> str:
    pins = (
        rect(164, 132, 14, 60, STEEL, 4)
        + rect(222, 132, 14, 60, STEEL, 4)
        + disc(171, 146, 4, IRON)
        + disc(229, 146, 4, IRON)
    )
    body = (
        rect(116, 186, 168, 214, p.main, 34)
        + rect(116, 186, 48, 214, p.shade, 24)
        + rect(128, 186, 144, 30, p.tint, 15, fade(0.5))
    )
    ports = (
        rect(166, 252, 68, 24, INK, 12)
        + rect(166, 296, 68, 24, INK, 12)
        + rect(170, 340, 60, 22, INK, 4)
        + rect(176, 345, 48, 8, p.accent)
    )
    plug = rect(174, 258, 52, 6, IRON, 3) + rect(174, 302, 52, 6, IRON, 3)
    return pins + body + ports + plug + shape("M206 214L192 236H204L196 250L214 228H202Z", GLOW)


@kind("powerbank", focus=(210, 180), zoom=1.7)
def powerbank(p: Paint, form: int) -> str:
    cable = line("M206 140C206 64 310 66 310 150V300C310 346 300 372 262 378", p.accent, 11) + rect(
        190, 116, 32, 34, p.deep, 7
    )
    body = (
        rect(118, 142, 164, 258, p.shade, 32)
        + rect(118, 142, 154, 258, p.main, 32)
        + rect(132, 156, 34, 230, p.tint, 17, fade(0.45))
    )
    cell = rect(176, 330, 70, 32, p.deep, 8) + dashes("M183 346H240", GLOW, 18, 12, 4)
    return (
        cable
        + body
        + cell
        + dots("M186 196H240", p.pale, 9, 18)
        + shape("M214 226L186 274H206L196 312L230 258H208Z", p.pale)
    )


@kind("cable", lay=True, focus=(260, 340))
def cable(p: Paint, form: int) -> str:
    coil = "".join(
        ring(200 + dx, 236 + dy, r, tone, 13)
        for dx, dy, r, tone in ((0, 0, 104, p.shade), (4, -4, 88, p.main), (-3, 3, 72, p.shade), (2, 0, 56, p.main))
    )
    tails = line("M128 312C92 352 96 392 120 410", p.main, 13) + line("M268 316C300 340 310 364 300 386", p.shade, 13)
    tie = turn(20, rect(180, 316, 40, 54, p.accent, 8), 200, 340)
    plug = rect(-16, 0, 32, 46, p.deep, 7) + rect(-11, 44, 22, 26, STEEL, 5) + rect(-6, 52, 12, 3, IRON)
    return (
        coil
        + dots("M128 186A92 92 0 0 1 272 186", p.tint, 4, 11)
        + tails
        + tie
        + turn(-30, move(128, 398, plug), 128, 398)
        + turn(24, move(298, 380, plug), 298, 380)
    )


@kind("chargepad", focus=(200, 330), zoom=1.6)
def chargepad(p: Paint, form: int) -> str:
    cable = line("M300 388C360 384 366 330 392 326", p.deep, 8)
    puck = oval(200, 380, 126, 26, p.deep) + oval(200, 370, 126, 28, p.main) + oval(200, 366, 98, 20, p.shade)
    handset = rect(134, 116, 132, 236, INK, 24) + wallpaper(p, 142, 124, 116, 220, 17)
    bolt = disc(200, 234, 40, PAPER, fade(0.92)) + shape("M206 204L180 242H198L192 266L222 226H203Z", p.edge)
    return cable + puck + turn(-6, handset + bolt, 200, 350) + line("M128 366Q200 398 272 366", p.accent, 5)


@kind("sleeve", lay=True, focus=(200, 220), zoom=1.6)
def sleeve(p: Paint, form: int) -> str:
    slab = rect(86, 104, 228, 60, STEEL, 14) + rect(86, 104, 228, 20, PAPER, 10, fade(0.5))
    pouch = rect(62, 148, 276, 214, p.shade, 22) + rect(62, 140, 276, 214, p.main, 22)
    seam = line(
        "M90 154H310Q324 154 324 168V326Q324 340 310 340H90Q76 340 76 326V168Q76 154 90 154Z", p.pale, 3, DASHED
    )
    flap = shape("M62 162Q62 140 84 140H316Q338 140 338 162V214Q200 262 62 214Z", p.shade) + rect(
        176, 206, 48, 56, p.accent, 10
    )
    return turn(-7, slab + pouch + seam + flap + disc(200, 240, 8, GLOW))
