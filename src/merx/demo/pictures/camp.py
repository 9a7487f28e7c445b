"""Drawings of the camp: shelters, beds, furniture, packs and bags."""

from __future__ import annotations

from merx.demo.pictures.paint import (
    COAL,
    GLOW,
    INK,
    LEAF,
    PAPER,
    SKY,
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


def fir(x: int, top: int, foot: int) -> str:
    half = (foot - top) * 0.26
    body = f"M{x} {top}L{x + half:.0f} {foot}H{x - half:.0f}Z"
    return rect(x - 4, foot - 4, 8, 16, "#8a5b3d") + shape(body, LEAF)


@kind("tent", forms=4, focus=(180, 270), zoom=1.9)
def tent(p: Paint, form: int) -> str:
    return (_dome, _tunnel, _tarp, _ridge)[form](p)


def _dome(p: Paint) -> str:
    fly = shape("M44 400C70 230 140 168 200 168S330 230 356 400Z", p.main) + shape(
        "M200 168C260 168 330 230 356 400H292C286 280 250 196 200 168Z", p.shade
    )
    door = shape("M148 400C152 320 176 266 200 244C224 266 248 320 252 400Z", p.deep) + shape(
        "M200 244C176 266 152 320 148 400H176C176 340 186 284 200 244Z", p.accent
    )
    poles = line("M44 400C70 230 140 168 200 168S330 230 356 400", p.accent, 6) + line(
        "M92 400C100 290 150 210 200 168", p.tint, 4
    )
    return (
        fir(58, 236, 388)
        + fir(350, 260, 388)
        + fly
        + door
        + poles
        + line("M60 350L24 400M340 350L378 400", COAL, 3)
        + line("M200 250V392", PAPER, 2)
    )


def _tunnel(p: Paint) -> str:
    back = shape("M132 400C132 250 180 206 244 206S372 260 372 400Z", p.shade) + line(
        "M236 400C236 270 262 206 300 214", p.deep, 4, fade(0.5)
    )
    front = shape("M28 400C28 254 76 196 134 196S244 254 244 400Z", p.main) + line(
        "M28 400C28 254 76 196 134 196S244 254 244 400", p.accent, 7
    )
    door = shape("M76 400C76 300 104 246 134 246S194 300 194 400Z", p.deep) + shape(
        "M134 246C104 246 76 300 76 400H96C94 330 106 276 134 246Z", p.bright
    )
    window = shape("M276 330Q276 276 300 276T330 330Z", p.pale)
    return fir(346, 170, 380) + back + front + door + window + line("M20 400H380", p.deep, 4)


def _tarp(p: Paint) -> str:
    poles = line("M84 400V210M316 400V210", "#8a5b3d", 9)
    sheet = (
        shape("M30 270L84 206L200 158L316 206L370 270L260 236L200 190L140 236Z", p.shade)
        + shape("M30 270L200 158L370 270L200 226Z", p.main)
        + shape("M200 158L370 270L200 226Z", p.tint, fade(0.5))
    )
    camp = (
        rect(150, 352, 100, 12, p.edge, 4)
        + line("M162 364L176 400M238 364L224 400", p.edge, 6)
        + rect(186, 322, 28, 30, GLOW, 6)
        + rect(182, 316, 36, 8, COAL, 3)
    )
    return (
        fir(58, 250, 390)
        + poles
        + sheet
        + line("M30 270L14 400M370 270L386 400", COAL, 3)
        + line("M200 158V226", p.accent, 4)
        + camp
    )


def _ridge(p: Paint) -> str:
    sides = shape("M200 150L344 400H56Z", p.main) + shape("M200 150L344 400H276Z", p.shade)
    door = (
        shape("M200 214L256 400H144Z", p.deep)
        + shape("M200 214L144 400H170Z", p.bright)
        + shape("M200 214L256 400H232Z", p.bright)
    )
    return (
        fir(62, 220, 390)
        + fir(342, 200, 390)
        + line("M200 128V160", COAL, 7)
        + sides
        + door
        + line("M200 152L30 400M200 152L370 400", COAL, 3)
        + line("M56 400L200 150L344 400", p.accent, 6)
    )


@kind("sleepingbag", forms=3, lay=True, focus=(200, 170), zoom=1.5)
def sleepingbag(p: Paint, form: int) -> str:
    if form == 2:
        quilt = shape("M98 112Q200 88 302 112L288 408Q200 432 112 408Z", p.main) + shape(
            "M98 112Q200 88 302 112L298 190Q200 214 102 190Z", p.accent
        )
        return turn(
            10,
            quilt
            + dashes("M106 250Q200 274 294 250M110 310Q200 334 292 310M112 364Q200 388 290 364", p.shade, 5, 300, 0)
            + line("M200 214V412", p.shade, 5)
            + rect(116, 128, 30, 12, p.pale, 6),
        )
    outline = (
        "M200 66C264 66 290 112 284 170L268 330C264 400 250 440 200 440S136 400 132 330L116 170C110 112 136 66 200 66Z"
    )
    bag = shape(outline, p.main) + shape("M128 286L272 286L268 330C264 400 250 440 200 440S136 400 132 330Z", p.shade)
    hood = shape("M200 84C250 84 268 116 264 156Q200 216 136 156C132 116 150 84 200 84Z", p.accent) + oval(
        200, 138, 50, 34, p.edge
    )
    pillow = rect(166, 118, 68, 38, PAPER, 18)
    quilts = line(
        "M120 214Q200 246 280 214M126 262Q200 292 274 262M130 316Q200 344 270 316M138 368Q200 392 262 368",
        p.deep,
        4,
        fade(0.5),
    )
    extra = dots("M150 236H250M156 288H246", p.pale, 9, 24) if form else ""
    return turn(14, bag + hood + pillow + quilts + extra + line("M262 170L254 350", p.deep, 5))


@kind("pad", forms=2, focus=(180, 330), zoom=1.5)
def pad(p: Paint, form: int) -> str:
    if form:
        puff = rect(66, 268, 268, 132, p.main, 56) + shape(
            "M80 330Q200 372 320 330V350Q320 400 270 400H130Q80 400 80 350Z", p.shade
        )
        return (
            puff
            + line("M122 292Q200 312 278 292", p.tint, 8)
            + rect(292, 300, 52, 26, p.accent, 8)
            + line("M150 348V372M200 356V380M250 348V372", p.deep, 5, fade(0.5))
        )
    sheet = shape("M168 330L360 330L330 400H168Z", p.main) + dashes("M176 366H340", p.shade, 64, 6, 15)
    roll = (
        disc(140, 300, 100, p.shade)
        + disc(134, 300, 98, p.main)
        + ring(134, 300, 74, p.shade, 9)
        + ring(134, 300, 50, p.tint, 9)
        + ring(134, 300, 26, p.shade, 9)
        + disc(134, 300, 9, p.deep)
    )
    return sheet + roll + line("M196 222L204 378", p.accent, 13) + rect(190, 292, 24, 20, COAL, 5)


@kind("hammock", lay=True, focus=(200, 290), zoom=1.5)
def hammock(p: Paint, form: int) -> str:
    trunk = rect(44, 96, 36, 316, "#8a5b3d", 8) + rect(44, 96, 13, 316, "#73482f", 6) + rect(40, 190, 44, 15, COAL, 4)
    crown = disc(62, 92, 46, LEAF) + disc(30, 124, 32, LEAF) + disc(98, 120, 32, "#6ca582")
    ropes = line("M80 198L106 232M320 198L294 232", COAL, 6)
    far = shape("M98 222Q200 330 302 222Q286 300 200 318Q114 300 98 222Z", p.edge)
    bed = shape("M98 222Q120 292 200 292T302 222Q296 392 200 392T98 222Z", p.main) + shape(
        "M98 222Q120 292 200 292T302 222L300 246Q276 314 200 314T100 246Z", p.accent
    )
    folds = line("M140 320Q160 356 190 366M256 322Q246 346 230 356", p.shade, 6)
    return mirror(trunk + crown) + ropes + far + oval(240, 272, 40, 17, PAPER) + bed + folds


@kind("chair", focus=(200, 250), zoom=1.5)
def chair(p: Paint, form: int) -> str:
    legs = line("M112 300L276 398M288 300L124 398", COAL, 9) + line("M104 170L122 300M296 170L278 300", COAL, 9)
    back = shape("M104 146Q200 176 296 146L280 290Q200 306 120 290Z", p.main) + shape(
        "M104 146Q200 176 296 146L293 178Q200 206 107 178Z", p.accent
    )
    seat = shape("M110 290Q200 306 290 290L312 330Q200 364 88 330Z", p.shade)
    arms = line("M92 252H124M276 252H308", p.accent, 15) + line("M92 254L100 330M308 254L300 330", COAL, 8)
    return (
        legs + back + seat + arms + ring(304, 268, 15, p.edge, 6) + line("M150 196L158 282M250 196L242 282", p.shade, 5)
    )


@kind("table", focus=(150, 250), zoom=1.5)
def table(p: Paint, form: int) -> str:
    legs = (
        line("M86 254L296 396M314 254L104 396", COAL, 11)
        + disc(200, 326, 11, p.accent)
        + rect(88, 390, 40, 11, COAL, 5)
        + rect(272, 390, 40, 11, COAL, 5)
    )
    top = shape("M78 212H322L352 254H48Z", p.main) + line(
        "M104 212L82 254M138 212L124 254M172 212L166 254M206 212L210 254M240 212L252 254M276 212L296 254", p.shade, 5
    )
    things = (
        rect(122, 168, 40, 54, p.accent, 8)
        + line("M162 182C184 180 184 210 162 208", p.accent, 7)
        + rect(226, 154, 40, 66, GLOW, 8)
        + rect(220, 146, 52, 13, COAL, 5)
        + rect(220, 214, 52, 10, COAL, 4)
    )
    return legs + top + rect(48, 252, 304, 18, p.shade, 6) + things


def _trekking_pack(p: Paint, straps: str) -> str:
    roll = rect(98, 86, 204, 50, p.accent, 25) + disc(123, 111, 15, p.edge) + line("M150 86V136M250 86V136", COAL, 9)
    body = (
        rect(112, 168, 176, 232, p.main, 32)
        + rect(112, 168, 44, 232, p.shade, 22)
        + rect(104, 132, 192, 72, p.tint, 28)
        + rect(104, 178, 192, 26, p.shade, 12)
    )
    pocket = (
        rect(138, 286, 124, 98, p.shade, 20)
        + rect(138, 286, 124, 30, p.main, 14)
        + line("M158 204V286M242 204V286", COAL, 8)
        + rect(150, 236, 18, 20, p.accent, 4)
        + rect(234, 236, 18, 20, p.accent, 4)
    )
    return (
        straps
        + roll
        + body
        + pocket
        + rect(70, 290, 40, 96, p.shade, 14)
        + rect(290, 290, 40, 96, p.shade, 14)
        + rect(298, 250, 24, 60, SKY, 8)
    )


def _flap_pack(p: Paint, straps: str) -> str:
    body = rect(104, 170, 192, 230, p.main, 22) + rect(104, 170, 50, 230, p.shade, 18)
    top = (
        rect(110, 128, 180, 62, p.tint, 10)
        + rect(110, 152, 180, 12, p.shade)
        + rect(182, 118, 36, 102, p.deep, 6)
        + rect(178, 190, 44, 34, p.accent, 7)
    )
    return (
        straps
        + top
        + body
        + rect(182, 170, 36, 30, p.deep)
        + rect(178, 190, 44, 34, p.accent, 7)
        + line("M132 268H268", p.deep, 6)
        + rect(252, 262, 10, 28, p.accent, 4)
        + shape("M176 360L202 318L216 340L226 328L244 360Z", p.pale)
    )


@kind("backpack", forms=4, focus=(200, 310), zoom=1.6)
def backpack(p: Paint, form: int) -> str:
    straps = line("M124 220C72 240 76 350 112 372", p.deep, 18) + line("M276 220C328 240 324 350 288 372", p.deep, 18)
    if form == 1:
        return _trekking_pack(p, straps)
    grip = line("M172 132C172 96 228 96 228 132", p.deep, 11)
    if form == 3:
        return _flap_pack(p, straps)
    body = shape("M104 248Q104 122 200 122T296 248V368Q296 400 264 400H136Q104 400 104 368Z", p.main) + shape(
        "M104 248Q104 160 154 132Q136 190 140 400H136Q104 400 104 368Z", p.shade
    )
    zip_ = line("M132 256Q132 154 200 154T268 256", p.deep, 5) + rect(262, 248, 11, 30, p.accent, 4)
    pocket = rect(132, 282, 136, 96, p.shade, 24) + line("M146 306H254", p.deep, 5) + rect(238, 304, 9, 26, p.accent, 4)
    if form == 2:
        face = (
            disc(172, 222, 13, PAPER)
            + disc(228, 222, 13, PAPER)
            + disc(174, 224, 6, INK)
            + disc(226, 224, 6, INK)
            + line("M186 248Q200 262 214 248", INK, 5)
        )
        ears = shape("M118 178L112 104L166 138Z", p.accent) + shape("M282 178L288 104L234 138Z", p.accent)
        return straps + ears + grip + body + face + pocket
    badge = rect(176, 196, 48, 48, p.accent, 10) + rect(186, 206, 28, 28, p.bright, 5)
    return straps + grip + body + zip_ + badge + pocket


@kind("drybag", focus=(200, 180), zoom=1.5)
def drybag(p: Paint, form: int) -> str:
    neck = (
        rect(142, 116, 116, 30, p.accent, 8)
        + rect(150, 142, 100, 26, p.edge, 6)
        + line("M142 126C112 86 288 86 258 126", COAL, 8)
        + rect(180, 84, 40, 24, COAL, 7)
    )
    body = shape(
        "M150 164H250Q286 190 286 232V376Q286 400 262 400H138Q114 400 114 376V232Q114 190 150 164Z", p.main
    ) + shape("M150 164H166Q146 196 146 400H138Q114 400 114 376V232Q114 190 150 164Z", p.shade)
    drops = "".join(
        shape(f"M{x} {y}Q{x + 13} {y + 20} {x} {y + 26}Q{x - 13} {y + 20} {x} {y}Z", p.pale)
        for x, y in ((200, 250), (232, 290), (176, 304))
    )
    return neck + body + drops + oval(200, 378, 68, 8, p.deep, fade(0.4))


@kind("duffel", focus=(160, 290), zoom=1.6)
def duffel(p: Paint, form: int) -> str:
    body = (
        rect(40, 232, 320, 166, p.main, 66)
        + rect(40, 232, 84, 166, p.shade, 42)
        + rect(290, 240, 20, 152, p.deep)
        + rect(120, 238, 20, 156, p.deep)
    )
    return (
        line("M132 246C132 150 298 150 298 246", p.deep, 15)
        + body
        + dashes("M150 252H282", p.deep, 8, 7, 4)
        + rect(176, 302, 84, 44, p.accent, 10)
        + rect(190, 318, 56, 11, p.bright, 5)
        + rect(176, 158, 78, 22, p.accent, 9)
    )
