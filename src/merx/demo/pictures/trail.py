"""Drawings of footwear: boots, shoes, sandals, socks."""

from __future__ import annotations

from merx.demo.pictures.paint import (
    COAL,
    INK,
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
    rect,
    shape,
    turn,
)


def _lugs(top: int, left: int, right: int, tone: str) -> str:
    """A treaded sole ending at the floor."""
    return dashes(f"M{left + 8} {top}H{right - 6}", tone, 14, 17, 7)


@kind("boot", forms=3, focus=(220, 290), zoom=1.6)
def boot(p: Paint, form: int) -> str:
    return (_hiking, _winter, _rubber)[form](p)


def _hiking(p: Paint) -> str:
    upper = shape("M98 176Q150 190 206 172L214 254C240 284 330 286 344 326L346 366H92L96 300Z", p.main)
    heel = shape("M98 176Q120 182 140 183L150 366H92L96 300Z", p.shade)
    toe = shape("M266 290C300 298 338 302 344 326L346 366H260Q252 316 266 290Z", p.deep)
    collar = shape("M92 160Q150 182 210 156L212 186Q150 206 94 190Z", p.accent)
    tongue = shape("M176 150L222 140L238 262L214 254L204 172Z", p.tint)
    laces = line("M190 206L232 198M194 232L236 224M206 258L250 250M232 276L270 266", PAPER, 6) + dots(
        "M188 208L196 256L226 278", STEEL, 11, 25
    )
    sole = (
        shape("M86 362H348Q356 388 340 390H94Q82 388 86 362Z", COAL)
        + rect(88, 360, 262, 11, p.accent, 5)
        + _lugs(394, 88, 346, INK)
    )
    return upper + heel + toe + tongue + collar + laces + sole


def _winter(p: Paint) -> str:
    upper = shape("M108 128H222V260C250 284 326 288 340 328L342 368H96L104 300Z", p.main) + shape(
        "M108 128H146L150 368H96L104 300Z", p.shade
    )
    fur = "".join(disc(x, 128, 19, PAPER) for x in range(110, 236, 18))
    rand = shape("M96 332Q220 312 340 334L342 368H96Z", p.deep) + line(
        "M150 172H222M150 210H222M154 248H226", p.accent, 8
    )
    hooks = rect(206, 160, 24, 24, STEEL, 6) + rect(206, 198, 24, 24, STEEL, 6) + rect(212, 236, 24, 24, STEEL, 6)
    sole = shape("M90 364H346Q352 390 336 392H98Q84 390 90 364Z", INK) + _lugs(394, 92, 344, INK)
    return upper + rand + hooks + fur + sole


def _rubber(p: Paint) -> str:
    upper = shape("M116 110Q168 96 220 110L216 262C232 290 324 290 338 336L340 372H104L112 290Z", p.main) + shape(
        "M116 110Q136 104 152 103L146 372H104L112 290Z", p.shade
    )
    band = shape("M115 134Q168 122 220 134L219 160Q168 148 115 160Z", p.accent)
    gleam = shape("M180 170L198 168L196 262Q180 250 180 170Z", p.pale, fade(0.6)) + shape(
        "M270 296Q314 302 326 330Q300 314 262 312Z", p.pale, fade(0.5)
    )
    sole = (
        shape("M98 368H344Q350 392 334 394H106Q92 392 98 368Z", p.deep)
        + rect(100, 366, 246, 9, p.accent, 4)
        + _lugs(395, 98, 344, INK)
    )
    return upper + band + gleam + line("M140 238Q170 250 214 240M142 258Q170 270 216 260", p.shade, 4) + sole


@kind("shoe", forms=3, focus=(230, 320), zoom=1.6)
def shoe(p: Paint, form: int) -> str:
    upper = shape(
        "M66 262C66 244 86 240 96 252Q116 280 152 270L188 240Q200 232 210 244C236 292 330 300 352 344L354 372H62Z",
        p.main,
    )
    heel = shape("M66 262C66 244 86 240 96 252Q108 268 122 271L116 372H62Z", p.shade if form != 1 else p.accent)
    toe = shape("M300 316C330 324 346 332 352 344L354 372H276Q278 336 300 316Z", p.deep if form == 2 else p.shade)
    tongue = shape("M168 232Q186 208 208 218L228 262L204 272Z", p.tint)
    laces = line("M178 256L216 240M192 274L232 258M212 290L252 276M236 304L274 292", PAPER, 6)
    if form == 0:
        mark = shape("M124 352L176 296L196 352H224L182 284L112 352Z", p.accent)
        sole = (
            shape("M56 364H360Q366 390 346 392H72Q52 390 56 364Z", PAPER)
            + shape("M58 378H362Q364 392 346 392H72Q54 392 58 378Z", p.accent)
            + _lugs(395, 62, 352, INK)
        )
    elif form == 1:
        mark = line("M140 300L164 356M160 296L186 356M180 300L208 356", p.bright, 9)
        sole = (
            shape("M50 352Q200 372 362 356Q372 392 346 396H76Q44 394 50 352Z", PAPER)
            + shape("M50 352Q200 372 362 356L363 368Q200 386 50 366Z", p.accent)
            + _lugs(398, 62, 350, COAL)
        )
    else:
        mark = shape("M62 336Q200 352 354 340V372H62Z", p.deep) + dashes("M130 306H200", p.accent, 26, 6, 6)
        sole = shape("M58 364H358Q364 390 344 392H74Q54 390 58 364Z", INK) + rect(62, 362, 294, 8, p.accent, 4)
    return upper + heel + toe + tongue + mark + laces + sole


@kind("climbshoe", focus=(240, 330), zoom=1.6)
def climbshoe(p: Paint, form: int) -> str:
    upper = shape(
        "M86 240Q116 226 152 246Q176 262 206 252C262 268 330 320 350 368"
        "Q352 388 330 386L264 378Q180 356 100 386Q72 392 74 360Z",
        p.main,
    )
    heel = shape("M86 240Q104 232 126 236L130 376Q100 384 92 388Q72 390 74 360Z", p.deep)
    rand = shape("M74 352Q180 324 264 356L350 372Q352 390 330 388L264 380Q180 358 100 388Q70 394 74 352Z", INK) + shape(
        "M284 304Q334 336 350 368L300 364Q280 334 284 304Z", p.deep
    )
    straps = (
        shape("M150 262L176 250L222 336L190 344Z", p.accent)
        + shape("M206 254L232 262L268 344L240 342Z", p.accent)
        + rect(166, 276, 24, 18, p.bright, 4)
    )
    pull = line("M88 244C60 200 110 196 104 234", p.accent, 8)
    return pull + upper + heel + straps + rand


@kind("sandal", forms=2, focus=(200, 330), zoom=1.6)
def sandal(p: Paint, form: int) -> str:
    sole = (
        shape("M52 352Q120 340 190 352T350 344Q366 376 340 390Q200 404 72 398Q40 394 52 352Z", COAL)
        + shape("M52 352Q120 340 190 352T350 344L352 360Q260 372 190 366T50 370Z", p.accent)
        + _lugs(397, 62, 344, INK)
    )
    if form:
        straps = shape("M214 350C222 300 270 282 318 298L338 342L300 350Q270 318 244 352Z", p.main) + shape(
            "M214 350C222 300 270 282 318 298L320 306Q250 300 236 352Z", p.shade
        )
        return straps + sole + disc(276, 306, 9, STEEL)
    back = shape("M64 354L76 276Q84 262 98 270L104 352Z", p.main) + line("M86 288Q130 268 170 292", p.main, 22)
    mid = line("M166 352L170 290L224 262", p.main, 24) + line("M128 354L176 296", p.shade, 18)
    front = line("M234 352Q252 290 322 346", p.main, 28) + line("M222 266Q244 290 262 312", p.shade, 20)
    return back + mid + front + sole + rect(152, 276, 36, 27, p.accent, 6) + rect(240, 312, 32, 24, p.accent, 6)


@kind("socks", lay=True, focus=(190, 250), zoom=1.5)
def socks(p: Paint, form: int) -> str:
    sock = shape(
        "M120 80H196V268Q198 296 230 314Q276 338 268 372Q258 404 214 396Q150 384 128 338Q116 312 118 270Z", p.main
    )
    sock += shape("M118 262L122 318Q130 346 156 364Q180 340 164 300Q150 276 118 262Z", p.accent) + shape(
        "M232 315Q276 338 268 372Q258 404 222 397Q204 350 232 315Z", p.accent
    )
    sock += (
        rect(116, 72, 84, 36, p.accent, 8)
        + dashes("M122 90H196", p.edge, 36, 3, 7)
        + dashes("M158 130V250", p.pale, 76, 9, 16)
    )
    return move(66, -4, f'<g opacity=".98">{turn(8, sock, 160, 240)}</g>') + move(-44, 26, turn(-4, sock, 160, 240))


@kind("gaiters", lay=True, focus=(140, 240), zoom=1.5)
def gaiters(p: Paint, form: int) -> str:
    one = shape("M84 88H184L176 240Q182 320 196 386Q134 412 72 386Q88 320 92 240Z", p.main) + shape(
        "M84 88H112L108 240Q104 330 100 394Q84 392 72 386Q88 320 92 240Z", p.shade
    )
    one += (
        shape("M82 84H186L184 122H84Z", p.accent)
        + line("M144 122V386", p.deep, 6)
        + rect(92, 300, 88, 15, p.deep)
        + rect(128, 294, 30, 27, STEEL, 5)
        + line("M84 392Q134 440 186 392", COAL, 8)
    )
    return mirror(turn(4, one, 134, 240))
