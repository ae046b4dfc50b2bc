#!/usr/bin/env python3
"""Makes tests/golden/warnings/foreign.pdf: pages in scripts that the starter model does not know, for the test that they are warned of.

    apt-get install fonts-dejavu-core fonts-freefont-ttf fonts-droid-fallback fonts-nanum fonts-vlgothic
    python3 -m venv .venv && .venv/bin/pip install fpdf2==2.8.9 uharfbuzz==0.57.0
    .venv/bin/python tools/goldens/make_foreign_pages.py [OUT] [--fonts DIR] [--seed N]

The words of each script are common ones, drawn at random: the pages look like text and say nothing. Fonts are embedded as subsets; their
licences (Bitstream Vera, GPL with font exception, Apache 2.0, OFL) permit that.
"""
import argparse
import datetime
import pathlib
import random

from fpdf import FPDF

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEJAVU, FREE = "dejavu/DejaVu", "freefont/Free"
DROID, NANUM, VL = "DroidSansFallbackFull.ttf", "nanum/Nanum", "vlgothic/VL-PGothic-Regular.ttf"
CYRILLIC = ("и в не на что быть он как это весь они если год работа город слово дело жизнь первый новый время человек дорога письмо река "
            "школа зима вечер народ голос книга хлеб молоко лошадь берег море поезд станция комната улица начальник объявление щука "
            "фабрика цена яблоко дождь")
UKRAINIAN = "і та що він як це вони рік місто слово життя перший новий час людина дорога лист річка школа зима вечір голос книга хліб їжа ґрунт"
GREEK = ("και το να είναι σε που από για με θα αυτό χρόνος πόλη λέξη ζωή πρώτος νέος άνθρωπος δρόμος γράμμα ποτάμι σχολείο χειμώνας βράδυ "
         "φωνή βιβλίο ψωμί γάλα θάλασσα τρένο σταθμός δωμάτιο ξύλο ψηφίο κόσμος ήλιος")
CHINESE = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花带安场身车例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严"
JAPANESE = ("これは それは あれは 私たちの 新しい 学校 東京 電車 時間 手紙 言葉 生活 世界 ことが できます ありました サービス コンピューター データ "
            "プログラム ください という 会社 社員 山田さん 昨日 明日 天気 海岸 道路 家族 料理 魚 野菜 牛乳 パン テレビ ラジオ について によって")
KOREAN = "그리고 그러나 우리는 사람 시간 도시 말씀 생활 처음 새로운 학교 겨울 저녁 목소리 책 빵 우유 바다 기차 역 방 거리 편지 강 길 나라 정부 회사 결과 문제 있습니다 합니다 없습니다 대한 위하여"
ARABIC = "في من على إلى هذا كان أن التي المدينة الحياة الكلمة الوقت الإنسان الطريق الرسالة النهر المدرسة الشتاء المساء الصوت الكتاب الخبز الحليب البحر القطار المحطة الغرفة الشارع الأول الجديد"
HEBREW = "של את על לא הוא זה עם גם כל אני העיר החיים המילה הזמן האדם הדרך המכתב הנהר בית הספר החורף הערב הקול הלחם החלב הים הרכבת התחנה החדר הרחוב הראשון החדש"
HINDI = "और के में है यह से को पर वह एक शहर जीवन शब्द समय मनुष्य सड़क पत्र नदी विद्यालय शाम आवाज़ पुस्तक रोटी दूध समुद्र गाड़ी कमरा पहला नया लोग देश काम"
THAI = "และ ใน ของ ที่ เป็น ไม่ มี การ คน เมือง ชีวิต คำ เวลา ถนน จดหมาย แม่น้ำ โรงเรียน ฤดูหนาว ตอนเย็น เสียง หนังสือ ขนมปัง นม ทะเล รถไฟ สถานี ห้อง แรก ใหม่"
GEORGIAN = "და არის რომ ეს მათი წელი ქალაქი სიტყვა ცხოვრება პირველი ახალი დრო ადამიანი გზა წერილი მდინარე სკოლა ზამთარი საღამო ხმა წიგნი პური რძე ზღვა მატარებელი"
ARMENIAN = "և է որ այս նրանք տարի քաղաք բառ կյանք առաջին նոր ժամանակ մարդ ճանապարհ նամակ գետ դպրոց ձմեռ երեկո ձայն գիրք հաց կաթ ծով գնացք"
# script, words, what joins them, font files, right to left
PAGES = [
    ("Cyrillic", CYRILLIC, " ", DEJAVU + "Serif.ttf"), ("Cyrillic", CYRILLIC, " ", FREE + "Sans.ttf"),
    ("Ukrainian", UKRAINIAN, " ", FREE + "Serif.ttf"), ("Cyrillic", CYRILLIC, " ", DEJAVU + "SansMono.ttf"),
    ("Greek", GREEK, " ", DEJAVU + "Serif.ttf"), ("Greek", GREEK, " ", FREE + "Sans.ttf"), ("Greek", GREEK, " ", FREE + "Serif.ttf"),
    ("Chinese", CHINESE, "", DROID), ("Chinese", CHINESE, "", DROID), ("Chinese", CHINESE, "", VL),
    ("Japanese", JAPANESE, "", VL), ("Japanese", JAPANESE, "", DROID),
    ("Korean", KOREAN, " ", NANUM + "Gothic.ttf"), ("Korean", KOREAN, " ", NANUM + "Myeongjo.ttf"),
    ("Arabic", ARABIC, " ", DEJAVU + "Sans.ttf"), ("Arabic", ARABIC, " ", FREE + "Serif.ttf"),
    ("Hebrew", HEBREW, " ", DEJAVU + "Sans.ttf"), ("Hebrew", HEBREW, " ", FREE + "Serif.ttf"),
    ("Hindi", HINDI, " ", FREE + "Sans.ttf"), ("Thai", THAI, "", FREE + "Serif.ttf"),
    ("Georgian", GEORGIAN, " ", DEJAVU + "Sans.ttf"), ("Armenian", ARMENIAN, " ", DEJAVU + "Serif.ttf"),
]


def find(fonts, name):
    for root in fonts:
        for path in sorted(root.rglob(pathlib.PurePath(name).name)):
            return path
    raise SystemExit(f"no font {name}: install the packages that this file names, or give --fonts")


def text(rng, words, joint, n_letters):
    """Sentences of about so many letters."""
    words = list(words) if joint == "" and " " not in words else words.split()
    stop = "。" if joint == "" and words[0] in ("的", "これは") else "."
    out, length = [], 0
    while length < n_letters:
        n = rng.randint(5, 14) * (3 if len(words) > 300 else 1)
        sentence = joint.join(rng.choice(words) for _ in range(n))
        out.append(sentence[0].upper() + sentence[1:] + stop)
        length += len(sentence)
    return " ".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", default=ROOT / "tests/golden/warnings/foreign.pdf", type=pathlib.Path)
    parser.add_argument("--fonts", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--paragraphs", type=int, default=2)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    fonts = [*options.fonts, pathlib.Path("/usr/share/fonts")]
    pdf = FPDF(unit="pt", format=(420, 250 if options.paragraphs == 2 else 595))
    pdf.set_creation_date(datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc))
    pdf.set_text_shaping(True)
    pdf.set_auto_page_break(False)
    pdf.set_margin(36)
    for script, words, joint, font in PAGES:
        if font not in pdf.fonts:
            pdf.add_font(font, fname=find(fonts, font))
        pdf.add_page()
        right = script in ("Arabic", "Hebrew")
        dense = joint == ""
        for paragraph in range(options.paragraphs):
            size = rng.choice((10, 11, 12))
            pdf.set_font(font, size=size)
            n = {2: 320, 4: 420}.get(options.paragraphs, 400)
            pdf.multi_cell(0, size * 1.45, text(rng, words, joint, n // (2 if dense else 1)), align="R" if right else "L", new_x="LMARGIN",
                           new_y="NEXT", wrapmode="CHAR" if dense else "WORD")
            pdf.ln(10)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    pdf.output(str(options.out))


if __name__ == "__main__":
    main()
