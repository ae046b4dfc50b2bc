"""Where words are said to be against where their ink is: for tests of formats that place words over a page.

    words = [(text, (left, top, right, bottom)), ...]        in pixels of the picture
    ious = word_ious(Gray.of_pnm(data), words)               one a word that has ink
    print(quantile(ious, 0.5), quantile(ious, 0.05))

A word's ink is the connected components whose middle lies in its box. Its top and bottom are those of the ink beside it in
the same line too: a box says how high the letters of the line reach, whether the word has ascenders or not.
"""


class Gray:
    """A picture of one byte a pixel."""

    def __init__(self, width, height, pixels):
        self.width, self.height, self.pixels = width, height, pixels

    @staticmethod
    def of_pnm(data):
        """A binary PGM or PPM; of colours the green."""
        fields, at = [], 0
        while len(fields) < 4:
            while data[at:at + 1].isspace():
                at += 1
            end = at
            while not data[end:end + 1].isspace():
                end += 1
            fields.append(data[at:end])
            at = end
        at += 1
        width, height = int(fields[1]), int(fields[2])
        if fields[0] == b"P6":
            return Gray(width, height, data[at:at + 3 * width * height][1::3])
        return Gray(width, height, data[at:at + width * height])


def components(gray, dark_below=128):
    """Boxes (left, top, right, bottom), exclusive ends, of the 8-connected dark components of at least 2 pixels."""
    table = bytes(1 if v < dark_below else 0 for v in range(256))
    parent, boxes = [], []

    def find(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    above = []
    for y in range(gray.height):
        row = gray.pixels[y * gray.width:(y + 1) * gray.width].translate(table)
        runs, at, k = [], row.find(1), 0
        while at >= 0:
            end = row.find(0, at)
            if end < 0:
                end = gray.width
            label = len(parent)
            parent.append(label)
            boxes.append([at, y, end, y + 1, end - at])
            while k < len(above) and above[k][1] < at:
                k += 1
            j = k
            while j < len(above) and above[j][0] <= end:
                a, b = find(above[j][2]), find(label)
                if a != b:
                    parent[b] = a
                    p, q = boxes[a], boxes[b]
                    boxes[a] = [min(p[0], q[0]), min(p[1], q[1]), max(p[2], q[2]), max(p[3], q[3]), p[4] + q[4]]
                j += 1
            runs.append((at, end, label))
            at = row.find(1, end)
        above = runs
    return [tuple(boxes[i][:4]) for i in range(len(parent)) if parent[i] == i and boxes[i][4] >= 2]


def iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0, width) * max(0, height)
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / area if area > 0 else 0


def word_ious(gray, words):
    """Of every word; 0 of one without ink. Components as large as pictures and rules are left out."""
    bits = [c for c in components(gray) if c[3] - c[1] < gray.height / 12 and c[2] - c[0] < gray.width / 3]
    rows = {}
    for c in bits:  # by the band of 64 rows that their middle lies in
        rows.setdefault((c[1] + c[3]) // 128, []).append(c)

    def inside(left, top, right, bottom):
        for band in range(int(top) // 64 - 1, int(bottom) // 64 + 2):
            for c in rows.get(band, ()):
                if left <= (c[0] + c[2]) / 2 <= right and top <= (c[1] + c[3]) / 2 <= bottom:
                    yield c

    out = []
    for _, (left, top, right, bottom) in words:
        own = list(inside(left, top, right, bottom))
        if not own:
            out.append(0)
            continue
        beside = 3 * (bottom - top)
        line = list(inside(left - beside, top, right + beside, bottom))
        ink = (min(c[0] for c in own), min(c[1] for c in line), max(c[2] for c in own), max(c[3] for c in line))
        out.append(iou((left, top, right, bottom), ink))
    return out


def quantile(values, share):
    values = sorted(values)
    return values[int(share * (len(values) - 1))]
