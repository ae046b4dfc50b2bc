"""Writes tests/golden/pdf: one-page PDFs that take encryption to make.

    python tools/goldens/make_pdf_goldens.py

Needs pypdf and cryptography. Every page is 200 x 100 points and says "Secret words"; the password is "open sesame" in
rc4.pdf (128 bits, revision 3), "öffne dich" in aes256.pdf (revision 6). owner_only.pdf has an owner password and an empty user
password, so it opens without one.
"""
import io
import os

from pypdf import PdfReader, PdfWriter

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "pdf")


def plain():
    content = b"BT /F1 20 Tf 20 40 Td (Secret words) Tj ET"
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
               b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
               b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    out, offsets = b"%PDF-1.7\n", []
    for i, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i, body)
    xref = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % at for at in offsets)
    return out + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, xref)


def main():
    os.makedirs(OUT, exist_ok=True)
    for name, user, owner, algorithm in [("rc4", "open sesame", "owner", "RC4-128"), ("aes256", "öffne dich", "owner", "AES-256"),
                                         ("owner_only", "", "owner", "AES-128")]:
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(plain())))
        writer.encrypt(user, owner, algorithm=algorithm)
        writer.write(os.path.join(OUT, f"{name}.pdf"))


if __name__ == "__main__":
    main()
