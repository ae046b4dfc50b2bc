"""Writes tests/golden/media: small picture files of every format and what Pillow and transformers make of them.

    python tools/goldens/make_media_goldens.py [decode] [resize] [interpolate] [processor]

Needs pillow (13), pillow-heif, tifffile, numpy, xxhash; "processor" also transformers and torch. The C++ tests beside
src/media read the files; they never need Python.
"""
import io, json, math, os, struct, sys, time, zlib
import numpy as np
import xxhash
from PIL import Image, ImageOps

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "media")
W, H = 37, 29


def digest(rgb):
    return xxhash.xxh3_128_hexdigest(np.ascontiguousarray(rgb, dtype=np.uint8).tobytes())


def scene(w=W, h=H, channels=3, seed=0):
    """A gradient, edges and a little noise, so that chroma, rounding and row order all matter."""
    y, x = np.mgrid[0:h, 0:w]
    planes = [(x * 255 // max(1, w - 1)), (y * 255 // max(1, h - 1)), ((x + y) * 9 % 256),
              np.clip(x * 300 // max(1, w - 1) - 20, 0, 255)]
    a = np.stack(planes[:channels], -1).astype(np.int32)
    a += np.random.RandomState(seed).randint(-20, 21, a.shape)
    a[h // 3:h // 2, w // 4:w // 2, :3] = 20
    return np.clip(a, 0, 255).astype(np.uint8)


def on_white(rgba):
    rgba = rgba.astype(np.int64)
    a = rgba[..., 3:]
    return ((rgba[..., :3] * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)


def png_bytes(samples, depth, color, palette=None, trns=None, interlace=False, extra=()):
    """A PNG of any depth; samples [h, w, channels] of integers."""
    h, w, n = samples.shape

    def pack(block):
        rows = []
        for row in block.reshape(block.shape[0], -1):
            if depth == 16:
                data = row.astype(">u2").tobytes()
            elif depth == 8:
                data = row.astype(np.uint8).tobytes()
            else:
                bits = ((row[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8).ravel()
                data = np.packbits(bits).tobytes()
            rows.append(b"\0" + data)
        return b"".join(rows)

    if interlace:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        raw = b"".join(pack(samples[y::dy, x::dx]) for y, x, dy, dx in passes if samples[y::dy, x::dx].size)
    else:
        raw = pack(samples)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, int(interlace)))
    for kind, data in extra:
        out += chunk(kind, data)
    if palette is not None:
        out += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if trns is not None:
        out += chunk(b"tRNS", trns)
    return out + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


class Decode:
    def __init__(self):
        self.cases = []
        self.total = 0

    def write(self, name, data):
        self.total += len(data)
        with open(os.path.join(OUT, name), "wb") as f:
            f.write(data)

    def case(self, name, pages, **options):
        self.cases.append(dict(file=name, pages=[dict(width=int(p.shape[1]), height=int(p.shape[0]), hash=digest(p))
                                                 for p in pages], **options))

    def near(self, name, data, tolerance):
        """Pillow's pixels as a picture, for formats where libraries round differently."""
        self.write(name, data)
        b = io.BytesIO()
        Image.open(io.BytesIO(data)).convert("RGB").save(b, "PNG", optimize=True)
        self.write(name + ".expected.png", b.getvalue())
        self.cases.append(dict(file=name, reference=name + ".expected.png", tolerance=tolerance, alpha="drop",
                               orientation="ignore", gray16="clip"))

    def add(self, name, data, alpha=True, transpose=False):
        """Pillow's pixels are the expectation; files with alpha are also checked composited on white."""
        self.write(name, data)
        image = Image.open(io.BytesIO(data))
        pages = []
        for i in range(getattr(image, "n_frames", 1) if image.format in ("TIFF", "MPO") else 1):
            image.seek(i)
            pages.append(np.asarray(image.convert("RGB")))
        self.case(name, pages, alpha="drop", orientation="ignore", gray16="clip")
        image.seek(0)
        if alpha and (image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info):
            self.case(name, [on_white(np.asarray(image.convert("RGBA")))], alpha="white", orientation="ignore", gray16="clip")
        if transpose:
            turned = ImageOps.exif_transpose(image)
            self.case(name, [np.asarray(turned.convert("RGB"))], alpha="drop", orientation="apply", gray16="clip")

    def save(self, name, image, format, **how):
        transpose = how.pop("transpose", False)
        b = io.BytesIO()
        image.save(b, format, **how)
        self.add(name, b.getvalue(), transpose=transpose)


def exif(orientation):
    e = Image.Exif()
    e[0x0112] = orientation
    return e


def jpeg(d):
    rgb = Image.fromarray(scene())
    for name, how in dict(q75=dict(quality=75), q30_420=dict(quality=30, subsampling="4:2:0"), q90_422=dict(quality=90, subsampling="4:2:2"),
                          q95_444=dict(quality=95, subsampling="4:4:4"), progressive=dict(quality=80, progressive=True),
                          restart=dict(quality=80, restart_marker_blocks=2)).items():
        d.save(f"jpeg_{name}.jpg", rgb, "JPEG", **how)
    d.save("jpeg_gray.jpg", rgb.convert("L"), "JPEG")
    d.save("jpeg_gray_progressive.jpg", rgb.convert("L"), "JPEG", progressive=True)
    d.save("jpeg_cmyk.jpg", Image.fromarray(scene(channels=4), "CMYK"), "JPEG", quality=90)
    for o in range(1, 9):
        d.save(f"jpeg_orientation{o}.jpg", Image.fromarray(scene(16, 9)), "JPEG", quality=90, exif=exif(o), transpose=True)


def png(d):
    rs = np.random.RandomState(1)
    for color, depths, n in ((0, (1, 2, 4, 8, 16), 1), (2, (8, 16), 3), (3, (1, 2, 4, 8), 1), (4, (8, 16), 2), (6, (8, 16), 4)):
        for depth in depths:
            for interlace in (False, True):
                samples = rs.randint(0, 2 ** depth, (11, 13, n))
                if color in (4, 6):
                    samples[2:5, 3:9, -1] = 0
                    samples[5:7, :, -1] = 2 ** depth - 1
                palette = rs.randint(0, 256, (2 ** depth, 3)) if color == 3 else None
                name = f"png_c{color}_d{depth}{'_i' if interlace else ''}"
                d.add(name + ".png", png_bytes(samples, depth, color, palette, interlace=interlace))
                if color in (0, 2, 3) and not interlace:
                    if color == 3:
                        trns = bytes(rs.randint(0, 256, 2 ** depth).astype(np.uint8))
                    else:
                        trns = b"".join(struct.pack(">H", int(v)) for v in samples[0, 0])
                    # Pillow compares the key with samples that it has scaled or clipped already and so loses it at gray
                    # depths 2, 4 and at 16; only its dropped-alpha pixels are comparable there.
                    d.add(name + "_trns.png", png_bytes(samples, depth, color, palette, trns), alpha=color == 3 or depth in (1, 8))
    b = io.BytesIO()
    Image.fromarray(scene(16, 9)).save(b, "PNG", exif=exif(8))
    d.add("png_orientation8.png", b.getvalue(), transpose=True)
    v = np.array([0, 1, 128, 255, 256, 257, 300, 32768, 65407, 65408, 65535]).reshape(1, -1, 1)
    d.write("png_gray16_levels.png", png_bytes(v, 16, 0))
    d.case("png_gray16_levels.png", [np.repeat(v >> 8, 3, -1).astype(np.uint8)], alpha="white", orientation="apply", gray16="high")


def webp(d):
    rgb, rgba = Image.fromarray(scene()), Image.fromarray(scene(channels=4), "RGBA")
    d.save("webp_lossy.webp", rgb, "WEBP", quality=60)
    d.save("webp_lossless.webp", rgb, "WEBP", lossless=True)
    d.save("webp_rgba_lossy.webp", rgba, "WEBP", quality=60)
    d.save("webp_rgba_lossless.webp", rgba, "WEBP", lossless=True, exact=True)
    d.save("webp_orientation6.webp", Image.fromarray(scene(16, 9)), "WEBP", lossless=True, exif=exif(6), transpose=True)
    b = io.BytesIO()
    rgb.save(b, "WEBP", save_all=True, append_images=[rgb.rotate(180)], lossless=True, duration=100)
    d.add("webp_animated.webp", b.getvalue())


def tiff(d):
    import tifffile
    rgb, gray = Image.fromarray(scene()), Image.fromarray(scene()).convert("L")
    one = gray.point(lambda v: 255 * (v > 120)).convert("1")
    for c in ("raw", "group3", "group4", "tiff_lzw", "packbits"):
        d.save(f"tiff_bilevel_{c}.tif", one, "TIFF", compression=c)
    for c in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        d.save(f"tiff_gray_{c}.tif", gray, "TIFF", compression=c)
        d.save(f"tiff_rgb_{c}.tif", rgb, "TIFF", compression=c)
    d.save("tiff_palette.tif", rgb.quantize(60), "TIFF", compression="tiff_lzw")
    d.save("tiff_rgba.tif", Image.fromarray(scene(channels=4), "RGBA"), "TIFF", compression="tiff_lzw")
    d.save("tiff_cmyk.tif", Image.fromarray(scene(channels=4), "CMYK"), "TIFF", compression="tiff_lzw")
    d.save("tiff_gray16.tif", Image.fromarray(scene()[..., 0].astype(np.uint16) * 3), "TIFF")
    d.save("tiff_orientation6.tif", Image.fromarray(scene(16, 9)), "TIFF", tiffinfo={274: 6})
    # Pillow's TIFF reader turns by itself, so "ignore" is the untouched picture and "apply" what Pillow shows.
    d.cases.pop()
    d.case("tiff_orientation6.tif", [scene(16, 9)], alpha="drop", orientation="ignore", gray16="clip")
    d.case("tiff_orientation6.tif", [np.rot90(scene(16, 9), -1)], alpha="drop", orientation="apply", gray16="clip")
    b = io.BytesIO()
    rgb.save(b, "TIFF", save_all=True, append_images=[gray.resize((20, 31)), one.resize((33, 8))], compression="tiff_lzw")
    d.add("tiff_pages3.tif", b.getvalue())

    def tf(name, a, **how):
        b = io.BytesIO()
        tifffile.imwrite(b, a, metadata=None, software=False, **how)
        d.add(name, b.getvalue())

    a16 = scene().astype(np.uint16) * 257 + np.random.RandomState(3).randint(-99, 99, (H, W, 3)).astype(np.uint16)
    tf("tiff_rgb_tiled.tif", scene(), photometric="rgb", tile=(16, 16))
    tf("tiff_rgb_big_endian.tif", scene(), photometric="rgb", byteorder=">")
    tf("tiff_rgb_bigtiff.tif", scene(), photometric="rgb", bigtiff=True)
    tf("tiff_rgb16_little.tif", a16, photometric="rgb", byteorder="<")
    tf("tiff_rgb16_big.tif", a16, photometric="rgb", byteorder=">")
    tf("tiff_gray_tiled.tif", scene()[..., 1].copy(), photometric="minisblack", tile=(16, 32))
    tf("tiff_gray_white0.tif", scene()[..., 1].copy(), photometric="miniswhite")
    tf("tiff_rgb_planar.tif", np.ascontiguousarray(scene().transpose(2, 0, 1)), photometric="rgb", planarconfig="separate", rowsperstrip=7)
    tf("tiff_rgb_assoc_alpha.tif", scene(channels=4), photometric="rgb", extrasamples=["assocalpha"])


def bmp(d):
    rgb = Image.fromarray(scene())
    d.save("bmp_rgb24.bmp", rgb, "BMP")
    d.save("bmp_gray8.bmp", rgb.convert("L"), "BMP")
    d.save("bmp_palette8.bmp", rgb.quantize(50), "BMP")
    d.save("bmp_bilevel.bmp", rgb.convert("1"), "BMP")
    d.save("bmp_rgba32.bmp", Image.fromarray(scene(channels=4), "RGBA"), "BMP")

    def handmade(name, bits, rows, height, compression=0, masks=b"", palette=b""):
        offset = 14 + 40 + len(masks) + len(palette)
        # Five and six bits widen to eight by replication in one library, by a rounded quotient in the other.
        add = (lambda n, data: d.near(n, data, 1)) if bits == 16 else d.add
        add(name, struct.pack("<2sIHHI", b"BM", offset + len(rows), 0, 0, offset) +
              struct.pack("<IiiHHIIiiII", 40, W, height, 1, bits, compression, len(rows), 2835, 2835, len(palette) // 4, 0) +
              masks + palette + rows)

    pad = lambda row: row + b"\0" * (-len(row) % 4)
    s = scene().astype(np.uint32)
    v565 = (s[..., 0] >> 3 << 11 | s[..., 1] >> 2 << 5 | s[..., 2] >> 3).astype("<u2")
    v555 = (s[..., 0] >> 3 << 10 | s[..., 1] >> 3 << 5 | s[..., 2] >> 3).astype("<u2")
    handmade("bmp_565.bmp", 16, b"".join(pad(r.tobytes()) for r in v565[::-1]), H, 3, struct.pack("<III", 0xf800, 0x7e0, 0x1f))
    handmade("bmp_555.bmp", 16, b"".join(pad(r.tobytes()) for r in v555[::-1]), H)
    bgrx = np.concatenate([s[..., ::-1], np.full((H, W, 1), 7)], -1).astype(np.uint8)
    handmade("bmp_rgb32_top_down.bmp", 32, bgrx.tobytes(), -H)
    nib = (s[..., 1] >> 4).astype(np.uint8)
    nib = np.pad(nib, ((0, 0), (0, W % 2)))
    handmade("bmp_palette4.bmp", 4, b"".join(pad((r[0::2] << 4 | r[1::2]).tobytes()) for r in nib[::-1]), H,
             palette=b"".join(struct.pack("<BBBB", 255 - i * 17, i * 7, i * 17, 0) for i in range(16)))


def gif(d):
    p = Image.fromarray(scene()).quantize(64)
    d.save("gif_interlaced.gif", p, "GIF", interlace=1)
    d.save("gif_plain.gif", p, "GIF", interlace=0)
    d.save("gif_transparent.gif", p, "GIF", transparency=int(np.asarray(p)[3, 3]))
    b = io.BytesIO()
    p.save(b, "GIF", save_all=True, append_images=[p.rotate(180)], duration=100)
    d.add("gif_animated.gif", b.getvalue())
    b = io.BytesIO()
    p.save(b, "GIF", interlace=0)
    # The same frame on a larger canvas, away from its corner; background index 5.
    raw = bytearray(b.getvalue())
    raw[6:10] = struct.pack("<HH", W + 9, H + 7)
    raw[11] = 5
    at = raw.index(b",\0\0\0\0" + struct.pack("<HH", W, H))
    raw[at + 1:at + 5] = struct.pack("<HH", 4, 3)
    d.add("gif_offset.gif", bytes(raw))


def pnm(d):
    s = scene()
    g, one = s[..., 1], (s[..., 0] > 100).astype(np.uint8)
    text = lambda a: (" ".join(str(int(v)) for v in a.ravel())).encode()
    size = f"{W} {H}\n".encode()
    d.add("pnm_p1.pbm", b"P1\n# a comment\n" + size + text(one))
    d.add("pnm_p2.pgm", b"P2\n" + size + b"255\n" + text(g))
    d.add("pnm_p3.ppm", b"P3\n" + size + b"255\n" + text(s))
    d.add("pnm_p4.pbm", b"P4\n" + size + np.packbits(one, axis=1).tobytes())
    d.add("pnm_p5.pgm", b"P5\n# made by hand\n" + size + b"255\n" + g.tobytes())
    d.add("pnm_p6.ppm", b"P6\n" + size + b"255\n" + s.tobytes())
    g16 = g.astype(np.uint16) * 200 + 11
    d.write("pnm_p2_16.pgm", b"P2\n" + size + b"65535\n" + text(g16))
    d.case("pnm_p2_16.pgm", [np.repeat((g16 >> 8)[..., None], 3, -1)], alpha="white", orientation="apply", gray16="high")


def heif(d):
    import pillow_heif
    pillow_heif.register_heif_opener()
    rgb = Image.fromarray(np.repeat(np.repeat(scene(16, 12), 4, 0), 4, 1))
    for name, format, how in (("heic.heic", "HEIF", dict(quality=90, chroma=444)), ("avif.avif", "AVIF", dict(quality=90, subsampling="4:4:4")),
                              ("avif_rgba.avif", "AVIF", dict(quality=90, subsampling="4:4:4"))):
        image = rgb.convert("RGBA") if "rgba" in name else rgb
        if "rgba" in name:
            image.putalpha(Image.linear_gradient("L").resize(image.size))
        b = io.BytesIO()
        image.save(b, format, **how)
        # Colour conversion differs between libheif versions and libavif by a rounding here and there.
        d.near(name, b.getvalue(), 3)
    b = io.BytesIO()
    Image.fromarray(scene(64, 36)).save(b, "AVIF", quality=90, exif=exif(6))
    d.write("avif_orientation6.avif", b.getvalue())


def decode():
    d = Decode()
    for f in (jpeg, png, webp, tiff, bmp, gif, pnm, heif):
        f(d)
    d.write("decode.json", json.dumps(dict(pillow=Image.__version__, cases=d.cases), indent=0).encode())
    print("decode:", len(d.cases), "cases,", d.total, "bytes")


def pattern(w, h, seed):
    """Bytes that C++ makes as well: the top byte of a mixed counter."""
    i = np.arange(w * h * 3, dtype=np.uint64) + np.uint64(seed)
    with np.errstate(over="ignore"):
        i = i * np.uint64(0x9E3779B97F4A7C15)
        i = (i ^ (i >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return (i >> np.uint64(56)).astype(np.uint8).reshape(h, w, 3)


def interpolate():
    """torch's uint8 interpolation, as image processors of torchvision call it; needs torch."""
    import torch

    rs = np.random.RandomState(6)
    pairs = [(1, 1, 32, 32), (1, 50, 28, 28), (50, 1, 28, 28), (2, 3, 1, 1), (3, 2, 300, 200), (500, 400, 1, 1), (100, 80, 100, 40), (100, 80, 50, 80),
             (100, 80, 100, 80), (1700, 2200, 800, 800), (640, 480, 800, 800), (33, 4000, 96, 64), (5, 7, 96, 128)]
    for _ in range(40):
        w, h = rs.randint(1, 500 if rs.rand() < 0.3 else 120, 2)
        w2, h2 = rs.randint(1, 400, 2)
        pairs.append((int(w), int(h), int(w2), int(h2)))
    rows = []
    for k, (w, h, w2, h2) in enumerate(pairs):
        x = torch.tensor(pattern(w, h, k)).permute(2, 0, 1)[None].contiguous()
        try:
            y = torch.nn.functional.interpolate(x, (h2, w2), mode="bicubic", align_corners=False, antialias=False)
        except RuntimeError:  # an internal check of torch 2.15 fails for some sides of one pixel
            continue
        rows.append([w, h, w2, h2, k, digest(y[0].permute(1, 2, 0).contiguous().numpy())])
    with open(os.path.join(OUT, "interpolate.json"), "w") as f:
        f.write("[" + ",\n".join(json.dumps(r) for r in rows) + "]\n")
    print("interpolate:", len(rows), "pairs, torch", torch.__version__, torch.backends.cpu.get_cpu_capability())


def resize():
    rs = np.random.RandomState(5)
    pairs = [(1, 1, 28, 28), (1, 1, 1, 1), (1, 50, 28, 28), (50, 1, 28, 28), (2, 3, 1, 1), (3, 2, 300, 200), (500, 400, 1, 1), (997, 3, 28, 28),
             (100, 80, 100, 40), (100, 80, 50, 80), (100, 80, 100, 80), (101, 80, 100, 80), (100, 81, 100, 80), (640, 480, 28, 28), (33, 47, 66, 94),
             (33, 47, 99, 47), (17, 16, 34, 16), (48, 48, 47, 49), (1000, 700, 333, 233), (28, 28, 84, 84)]
    for _ in range(60):
        big, up = rs.rand() < 0.3, rs.rand() < 0.5
        w, h = rs.randint(1, 700 if big else 120, 2)
        f = rs.uniform(1, 4, 2) if up else 1 / rs.uniform(1, 9, 2)
        pairs.append((int(w), int(h), max(1, int(w * f[0])), max(1, int(h * f[1]))))
    rows = []
    for k, (w, h, w2, h2) in enumerate(pairs):
        out = np.asarray(Image.fromarray(pattern(w, h, k)).resize((w2, h2), Image.BICUBIC))
        rows.append([w, h, w2, h2, k, digest(out)])
    with open(os.path.join(OUT, "resize.json"), "w") as f:
        f.write("[" + ",\n".join(json.dumps(r) for r in rows) + "]\n")
    print("resize:", len(rows), "pairs")
    for w, h, w2, h2 in ((2480, 3508, 1820, 2604), (1700, 2200, 1708, 2212), (4000, 3000, 2520, 1876), (400, 40, 280, 28)):
        image = Image.fromarray(pattern(w, h, 0))
        best = 1e9
        for _ in range(5):
            t = time.perf_counter(); image.resize((w2, h2), Image.BICUBIC); best = min(best, time.perf_counter() - t)
        print(f"pillow {w}x{h} -> {w2}x{h2}: {best * 1e3:.2f} ms")


def backends(pil, fast):
    """How far the torchvision backend is from the PIL backend, in 8-bit levels: for docs/media.md."""
    page = Image.open(os.path.join(OUT, "..", "lines", "one_column.png")).convert("RGB")
    noise = lambda w, h: Image.fromarray(pattern(w, h, 1))
    for name, image in (("page 900x700", page), ("page 1350x1050", page.resize((1350, 1050), Image.BICUBIC)), ("page 3600x2800", page.resize((3600, 2800), Image.BICUBIC)),
                        ("line 431x41", page.crop((60, 120, 491, 161))), ("tall 90x500", page.crop((60, 40, 150, 540))),
                        ("noise 640x480", noise(640, 480)), ("noise 90x500", noise(90, 500)), ("no resizing 84x112", noise(84, 112))):
        a = pil(images=[image], return_tensors="np")["pixel_values"]
        b = fast(images=[image], return_tensors="pt")["pixel_values"].numpy()
        std = np.repeat(np.array(pil.image_std, np.float32), a.shape[1] // 3)
        levels = np.abs(a - b) * std * 255
        print(f"torchvision - pil, {name}: at most {levels.max():.4f} levels, {100 * (levels > 0.5).mean():.3f} % differ by a level or more")


def processor():
    from transformers.models.glm46v.image_processing_pil_glm46v import Glm46VImageProcessorPil, smart_resize
    from transformers.models.glm46v.image_processing_glm46v import Glm46VImageProcessor
    size = {"shortest_edge": 12544, "longest_edge": 9633792}
    pil, fast = Glm46VImageProcessorPil(size=size), Glm46VImageProcessor(size=size)
    rs = np.random.RandomState(6)
    rows = []
    sizes = [(6000, 4000), (4000, 3000), (3000, 3000), (5000, 4000), (1700, 2200), (100, 100), (42, 70), (70, 42), (600, 14), (28, 28), (1, 199),
             (10000, 100), (2480, 3508), (42, 420), (70, 700), (98, 980), (126, 1260), (27, 27), (29, 29), (1, 1), (2194, 2196), (2195, 2195)]
    sizes += [(int(a), int(b)) for a, b in np.exp(rs.uniform(0, 8.8, (200, 2))) if max(a, b) / min(a, b) < 190]
    for w, h in sizes:
        frames = 2 if len(rows) % 4 or len(rows) < 22 else int(rs.randint(2, 40))
        try:
            hb, wb = smart_resize(frames, h, w, min_pixels=size["shortest_edge"], max_pixels=size["longest_edge"])
        except ValueError:  # aspect ratio
            hb, wb = 0, 0
        rows.append([frames, w, h, wb, hb])
    pixels = []
    for k, (w, h) in enumerate([(100, 100), (28, 28), (1, 199), (280, 28), (317, 211), (640, 480), (90, 500), (1000, 750), (84, 112), (33, 27)]):
        out = pil(images=[Image.fromarray(pattern(w, h, k))], return_tensors="np")
        values = np.ascontiguousarray(out["pixel_values"], dtype=np.float32)
        t, gh, gw = (int(v) for v in out["image_grid_thw"][0])
        picks = [int(v) for v in rs.randint(0, values.size, 8)]
        pixels.append(dict(width=w, height=h, seed=k, grid=[t, gh, gw], hash=xxhash.xxh3_128_hexdigest(values.tobytes()),
                           at=picks, bits=[int(values.ravel()[i].view(np.uint32)) for i in picks]))
    backends(pil, fast)
    with open(os.path.join(OUT, "processor.json"), "w") as f:
        json.dump(dict(smart_resize=rows, pixel_values=pixels), f, separators=(",", ":"))
    print("processor:", len(rows), "sizes,", len(pixels), "pictures")


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    for part in sys.argv[1:] or ["decode", "resize", "interpolate", "processor"]:
        dict(decode=decode, resize=resize, interpolate=interpolate, processor=processor)[part]()
