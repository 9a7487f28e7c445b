"""Drawings of things that make, carry or record sound, and of cameras."""

from __future__ import annotations

from merx.demo.pictures.paint import (
    COAL,
    EMBER,
    GLASS,
    GLOW,
    INK,
    IRON,
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
    rows,
    shape,
    turn,
)


@kind("headphones", forms=2, focus=(110, 300))
def headphones(p: Paint, form: int) -> str:
    cup = rect(102, 196, 16, 80, STEEL, 6) + rect(134, 246, 32, 122, p.deep, 15) + rect(80, 240, 64, 134, p.main, 30)
    cup += rect(80, 240, 26, 134, p.shade, 13) + ring(112, 307, 17, p.accent, 5)
    band = line("M110 240C104 92 296 92 290 240", p.main, 30) + line("M122 216C128 116 272 116 278 216", p.deep, 9)
    band += line("M150 130Q200 100 250 130", p.tint, 5)
    cable = line("M112 372C112 420 190 372 196 412S250 430 262 396", COAL, 6) if form else ""
    return cable + band + mirror(cup)


@kind("earbuds", forms=2, focus=(200, 250))
def earbuds(p: Paint, form: int) -> str:
    lid = rect(106, 196, 188, 130, p.shade, 52) + rect(118, 208, 164, 110, p.deep, 42)
    bud = oval(128, 138, 15, 22, p.deep, ' transform="rotate(-28 128 138)"') + disc(152, 150, 31, p.main)
    bud += rect(150, 150, 25, 86, p.main, 12) + rect(152, 206, 21, 8, p.accent) + disc(144, 141, 10, p.tint)
    hook = line("M160 126C150 66 96 74 100 150S126 206 134 196", p.accent, 10) if form else ""
    case = rect(96, 274, 208, 128, p.main, 58) + shape("M96 322Q96 274 154 274H246Q304 274 304 322Z", p.tint, fade(0.7))
    case += rect(180, 296, 40, 8, p.shade, 4) + disc(200, 352, 5, GLOW) + oval(200, 275, 84, 9, p.deep)
    return lid + mirror(hook + bud) + case


@kind("speaker", forms=3, focus=(250, 260), zoom=1.7)
def speaker(p: Paint, form: int) -> str:
    return (_portable, _smart, _party)[form](p)


def _portable(p: Paint) -> str:
    body = rect(52, 232, 296, 164, p.main, 70) + dots(rows(254, 380, 14, 112, 292, 7), p.shade, 7, 14)
    ends = rect(52, 246, 54, 136, p.deep, 27) + rect(294, 246, 54, 136, p.deep, 27)
    ends += ring(79, 314, 30, p.accent, 6) + ring(321, 314, 30, p.accent, 6) + disc(79, 314, 17, COAL)
    loop = line("M324 252C372 206 356 168 322 182", p.accent, 9)
    keys = rect(150, 222, 100, 18, p.deep, 9) + dots("M170 231H232", PAPER, 6, 30)
    badge = rect(168, 304, 64, 20, p.deep, 10) + rect(182, 312, 36, 4, PAPER, 2)
    return loop + body + disc(321, 314, 17, COAL) + ends + disc(321, 314, 17, COAL) + keys + badge


def _smart(p: Paint) -> str:
    body = rect(112, 184, 176, 216, p.main, 66) + dots(rows(262, 380, 14, 134, 270, 7), p.shade, 6, 14)
    top = oval(200, 216, 84, 32, p.tint) + oval(200, 214, 58, 20, p.deep)
    light = f'<ellipse cx="200" cy="214" rx="58" ry="20" fill="none" stroke="{p.bright}" stroke-width="6"/>'
    waves = line("M140 150Q200 112 260 150", p.accent, 6, fade(0.5)) + line("M166 168Q200 146 234 168", p.accent, 6)
    return waves + body + top + light + dots("M184 214H220", PAPER, 6, 16) + rect(150, 394, 100, 8, p.deep, 4)


def _party(p: Paint) -> str:
    body = rect(108, 116, 184, 284, p.main, 26) + rect(122, 130, 156, 256, p.deep, 18)
    grip = rect(150, 92, 100, 40, p.shade, 16) + rect(166, 104, 68, 28, GLASS, 8)
    out = grip + body
    for y, r in ((194, 46), (312, 62)):
        out += disc(200, y, r + 6, p.accent) + disc(200, y, r, INK) + ring(200, y, r * 0.72, COAL, 6)
        out += disc(200, y, r * 0.36, IRON) + disc(194, y - 6, r * 0.14, PAPER, fade(0.6))
    return out + dots("M146 146H254", GLOW, 6, 18)


@kind("soundbar", focus=(130, 330))
def soundbar(p: Paint, form: int) -> str:
    screen = rect(58, 128, 284, 170, INK, 10) + rect(66, 136, 268, 148, p.bright, 4) + disc(262, 184, 20, GLOW)
    screen += shape("M66 250Q120 184 220 284H66Z", p.accent) + shape("M334 252Q260 200 150 284H334Z", p.edge)
    bar = rect(36, 322, 328, 78, p.main, 26) + dots(rows(342, 384, 11, 122, 342, 6), p.shade, 5, 11)
    grip = rect(58, 346, 46, 28, p.deep, 14) + disc(72, 360, 4, GLOW) + dots("M84 360H92", PAPER, 4, 8)
    return rect(184, 296, 32, 26, COAL) + screen + bar + rect(36, 322, 328, 18, p.tint, 9, fade(0.5)) + grip


@kind("turntable", lay=True, focus=(220, 240))
def turntable(p: Paint, form: int) -> str:
    deck = rect(50, 112, 300, 286, p.shade, 22) + rect(50, 104, 300, 282, p.main, 22)
    plate = disc(176, 246, 112, STEEL) + disc(176, 246, 104, INK)
    plate += "".join(ring(176, 246, r, COAL, 2) for r in (92, 82, 72, 62, 52))
    plate += disc(176, 246, 38, p.accent) + ring(176, 246, 24, p.bright, 4) + disc(176, 246, 5, PAPER)
    shine = shape("M176 246L98 176A104 104 0 0 1 130 152Z", PAPER, fade(0.14))
    arm = disc(314, 150, 26, STEEL) + disc(314, 150, 13, IRON) + line("M314 150L306 272L250 322", PAPER, 8)
    arm += turn(42, rect(226, 314, 34, 18, COAL, 4), 244, 324)
    knobs = disc(314, 352, 15, STEEL) + line("M314 352V340", IRON, 4) + dots("M80 360H120", p.deep, 8, 20)
    return deck + plate + shine + arm + knobs


@kind("microphone", focus=(200, 190), zoom=1.7)
def microphone(p: Paint, form: int) -> str:
    stand = rect(192, 330, 16, 62, IRON) + rect(122, 384, 156, 18, p.deep, 9)
    yoke = line("M124 214V272C124 356 276 356 276 272V214", COAL, 13)
    capsule = rect(146, 100, 108, 216, p.main, 54) + shape("M146 206V154a54 54 0 0 1 108 0V206Z", STEEL)
    mesh = dots(rows(122, 200, 13, 160, 244, 6), IRON, 6, 13) + rect(142, 200, 116, 18, p.accent, 4)
    dial = disc(200, 262, 17, p.deep) + line("M200 262L208 251", PAPER, 4) + disc(200, 296, 4, GLOW)
    return stand + yoke + capsule + mesh + dial + disc(124, 222, 11, IRON) + disc(276, 222, 11, IRON)


@kind("radio", focus=(140, 310))
def radio(p: Paint, form: int) -> str:
    aerial = line("M292 214L330 92", IRON, 5) + disc(331, 90, 6, STEEL)
    strap = line("M96 220C96 156 304 156 304 220", p.shade, 16)
    box = rect(56, 208, 288, 186, p.main, 28) + rect(70, 222, 260, 158, p.tint, 18)
    cone = disc(146, 302, 66, p.deep) + dots(rows(254, 350, 12, 110, 186, 6), p.shade, 6, 12)
    window = rect(228, 240, 86, 54, PAPER, 8) + dashes("M238 272H306", COAL, 12, 2, 8) + rect(266, 246, 4, 42, EMBER)
    knob = disc(250, 338, 20, p.accent) + line("M250 338V324", PAPER, 4) + disc(298, 338, 13, p.deep)
    return aerial + strap + box + cone + window + knob + rect(80, 392, 36, 10, p.deep) + rect(284, 392, 36, 10, p.deep)


@kind("camera", forms=2, focus=(200, 290), zoom=1.7)
def camera(p: Paint, form: int) -> str:
    if form:
        return _instant(p)
    top = shape("M146 214L162 172H238L254 214Z", p.shade) + rect(176, 160, 48, 16, COAL, 4)
    top += rect(80, 192, 44, 24, STEEL, 6) + disc(296, 204, 20, COAL) + rect(276, 204, 40, 18, IRON)
    body = rect(56, 210, 288, 184, STEEL, 26) + rect(56, 244, 288, 122, p.main) + rect(56, 244, 42, 122, p.shade)
    strap = line("M58 232C20 300 30 372 66 402", p.accent, 9) + line("M342 232C380 300 370 372 334 402", p.accent, 9)
    glass = disc(200, 304, 84, INK) + ring(200, 304, 74, COAL, 10) + disc(200, 304, 56, GLASS)
    glass += disc(200, 304, 40, "#37507f") + disc(200, 304, 22, "#16203a") + oval(182, 284, 14, 9, PAPER, fade(0.8))
    return strap + top + body + disc(310, 262, 10, GLOW) + glass + ring(200, 304, 84, p.accent, 3)


def _instant(p: Paint) -> str:
    print_ = rect(128, 92, 144, 130, PAPER, 5) + rect(140, 104, 120, 96, SKY)
    print_ += disc(232, 128, 13, GLOW) + shape("M140 200V172L176 138L210 174L230 158L260 184V200Z", p.edge)
    body = rect(72, 196, 256, 204, p.main, 36) + shape(
        "M72 340H328V364a36 36 0 0 1-36 36H108a36 36 0 0 1-36-36Z", p.shade
    )
    slot = rect(112, 206, 176, 12, p.deep, 6)
    glass = disc(200, 300, 66, p.pale) + disc(200, 300, 52, INK) + disc(200, 300, 34, GLASS)
    glass += oval(187, 286, 11, 8, PAPER, fade(0.8))
    flash = rect(92, 232, 46, 34, PAPER, 10) + rect(268, 232, 38, 34, GLASS, 10) + disc(112, 330, 13, p.accent)
    stripe = "".join(rect(160 + 20 * i, 376, 20, 8, c) for i, c in enumerate((EMBER, GLOW, SKY, p.accent)))
    return print_ + body + slot + glass + flash + stripe


@kind("actioncam", focus=(250, 250), zoom=1.7)
def actioncam(p: Paint, form: int) -> str:
    grip = rect(182, 342, 36, 58, COAL, 6) + rect(158, 384, 84, 18, p.accent, 8)
    body = rect(66, 186, 268, 168, p.main, 28) + rect(66, 186, 268, 168, p.shade, 28, fade(0.25))
    face = rect(80, 200, 240, 140, p.deep, 20) + rect(96, 216, 88, 64, GLASS, 8)
    scene = shape("M96 268L124 238L146 260L160 248L184 270V272a8 8 0 0 1-8 8H104a8 8 0 0 1-8-8Z", p.accent)
    lens = rect(200, 210, 104, 104, INK, 24) + disc(252, 262, 38, COAL) + disc(252, 262, 26, GLASS)
    lens += disc(252, 262, 13, "#37507f") + oval(243, 252, 7, 5, PAPER)
    button = rect(98, 174, 54, 16, EMBER, 8)
    return grip + button + body + face + scene + lens + dots("M104 306H144", PAPER, 7, 18) + disc(104, 306, 5, EMBER)


@kind("lens", forms=2, focus=(200, 190), zoom=1.7)
def lens(p: Paint, form: int) -> str:
    top, wide = (96, 78) if form else (178, 88)
    left, right = 200 - wide, 200 + wide
    body = shape(f"M{left} {top}H{right}V{top + 84}L268 {top + 104}V384H132V{top + 104}L{left} {top + 84}Z", p.main)
    side = shape(
        f"M{left} {top}H{left + 34}V{top + 84}L158 {top + 104}V384H132V{top + 104}L{left} {top + 84}Z", p.shade
    )
    grip = rect(132, top + 118, 136, 50, p.deep) + dashes(f"M136 {top + 143}H266", COAL, 46, 5, 5)
    zoom = rect(132, 300, 136, 34, p.deep) + dashes("M136 317H266", COAL, 30, 5, 5) if form else ""
    marks = rect(132, top + 180, 136, 8, p.accent) + dots(f"M160 {top + 104}H246", PAPER, 5, 20)
    mount = rect(146, 384, 108, 18, STEEL, 4)
    glass = (
        oval(200, top, wide, 28, INK)
        + oval(200, top, wide - 14, 20, "#37507f")
        + oval(200, top + 3, wide - 34, 12, GLASS)
    )
    return mount + body + side + grip + zoom + marks + glass + oval(178, top - 6, 18, 5, PAPER, fade(0.7))


@kind("drone", focus=(200, 270), zoom=1.6)
def drone(p: Paint, form: int) -> str:
    arm = line("M176 262L86 206", p.main, 20) + line("M180 288L94 344", p.shade, 20)
    arm += rect(72, 186, 28, 40, p.deep, 8) + rect(80, 328, 28, 38, p.deep, 8)
    arm += oval(86, 184, 74, 11, IRON, fade(0.55)) + oval(94, 326, 80, 12, IRON, fade(0.7)) + disc(86, 182, 7, p.accent)
    body = rect(144, 228, 112, 92, p.main, 36) + shape("M144 264a36 36 0 0 1 36-36h40a36 36 0 0 1 36 36Z", p.tint)
    eye = (
        rect(166, 300, 68, 56, p.deep, 18)
        + disc(200, 330, 20, INK)
        + disc(200, 330, 11, "#37507f")
        + disc(195, 325, 4, PAPER)
    )
    return (
        mirror(arm)
        + disc(94, 324, 7, p.accent)
        + body
        + rect(172, 246, 56, 8, p.accent, 4)
        + eye
        + dots("M184 276H218", GLOW, 6, 16)
    )


@kind("tripod", focus=(200, 190), zoom=1.7)
def tripod(p: Paint, form: int) -> str:
    legs = (
        line("M190 214L112 396", p.main, 17) + line("M210 214L288 396", p.main, 17) + line("M200 214V396", p.shade, 17)
    )
    legs += line("M152 303L112 396", STEEL, 9) + line("M248 303L288 396", STEEL, 9) + line("M200 318V396", STEEL, 9)
    legs += disc(152, 303, 11, p.accent) + disc(248, 303, 11, p.accent) + disc(200, 316, 11, p.accent)
    head = rect(186, 158, 28, 66, p.deep, 8) + rect(164, 202, 72, 30, p.main, 12) + line("M214 178L290 206", COAL, 10)
    device = rect(138, 84, 124, 74, COAL, 14) + rect(172, 70, 44, 18, COAL, 6) + disc(200, 122, 30, INK)
    device += disc(200, 122, 20, "#37507f") + disc(193, 115, 5, PAPER) + rect(150, 154, 100, 10, IRON, 4)
    return legs + head + device + disc(236, 100, 5, EMBER) + disc(290, 206, 9, p.accent)


@kind("ringlight", focus=(200, 210), zoom=1.6)
def ringlight(p: Paint, form: int) -> str:
    stand = rect(192, 300, 16, 84, COAL) + line("M200 366L132 398M200 366L268 398M200 366V398", COAL, 10)
    light = ring(200, 202, 98, p.main, 50) + ring(200, 202, 98, GLOW, 34) + ring(200, 202, 98, PAPER, 18)
    phone = rect(168, 136, 64, 132, INK, 12) + rect(174, 143, 52, 118, p.accent, 7) + disc(200, 192, 15, PAPER)
    phone += shape("M176 244a24 24 0 0 1 48 0V254H176Z", PAPER)
    return stand + light + phone + rect(188, 266, 24, 14, COAL, 4) + disc(200, 366, 9, p.accent)
