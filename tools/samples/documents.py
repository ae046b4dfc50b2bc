"""The documents of samples/: their words, numbers and pages. All texts, names and figures are made up for this project."""
import re

from sheet import HEIGHT, SOFT_HYPHEN, WIDTH, Cell, Sheet, Style, break_lines

RIGHT = "right"


def letter():
    s = Sheet("Letter to the council's engineer")
    body, x, width = Style("Tinos", 11.5, 15), 76, WIDTH - 152
    y = s.text("Margaret Ellis Thornton\n14 Quarry Lane\nOld Westbury\nHarrowshire HW3 9QT", 360, 62, 170, Style("Tinos", 11, 14))
    y = s.text("6 March 2024", 360, y + 14, 170, Style("Tinos", 11, 14))
    y = s.text("The County Engineer\nBridges and Highways\nHarrow House\n2 Market Street\nHarrow HA1 4BB", x, y + 12, 250,
               Style("Tinos", 11, 14))
    y = s.text("Dear Mr Kellaway,", x, y + 22, width, body)
    y = s.text("The footbridge at Old Westbury mill", x, y + 9, width, Style("Tinos-Bold", 12, 15.5), "paragraph_title",
               heading_level=2)
    for paragraph in (
        "I am writing to you about the footbridge below the old mill, which some sixty people cross every day on their way to "
        "the school and the station. Since the flood of 17 February the third plank from the eastern bank has been loose, and "
        "on Sunday my neighbour put his foot through it. He was not hurt, but a child might well have been.",
        "I went to look at the bridge again yesterday with Mr Daniel Pryce, who kept it in repair until he retired in 2011. He "
        "found four planks that should be replaced at once, and two of the iron brackets on the upstream side have rusted so "
        "far that he could bend them by hand. In his opinion the main beams are sound and good for another thirty years.",
        "You told the parish meeting in October that the bridge would be inspected before the end of the year. Could you let me "
        "know whether that was done, and if so what was found? If it was not, we would be grateful for a date. The parish has "
        "set aside 1,250 pounds for the work, and three of us are ready to help with carrying and painting.",
        "Until then I have tied a board across the broken plank and put up a notice on each bank. Neither will last beyond the "
        "next high water, which at this time of the year may come in any week.",
        "I enclose a sketch with the places marked and the measurements that Mr Pryce took: the planks are 1.90 m long, 22 cm "
        "wide and 5 cm thick, and the brackets are 46 cm from end to end.",
    ):
        y = s.text(paragraph, x, y + 9, width, body)
    y = s.text("Yours sincerely,", x, y + 14, width, body)
    y = s.text("Margaret E. Thornton", x, y + 34, width, body)
    y = s.text("Secretary, Old Westbury Parish Meeting", x, y, width, body)
    s.text("Enclosure: sketch of the bridge, one sheet", x, y + 16, width, Style("Tinos", 10.5, 14))
    return s


def invoice():
    s = Sheet("Invoice 2024-0387")
    body, bold, x, width = Style("Arimo", 10, 13.5), Style("Arimo-Bold", 10, 13.5), 62, WIDTH - 124
    s.text("Fenwick & Daughters", x, 56, 300, Style("Arimo-Bold", 17, 22), "doc_title", heading_level=1)
    y = s.text("Joinery and Workshop Supplies\n31 Canal Road, Tidewell TW2 6LD\nTelephone 01632 960 417", x, 82, 260, body)
    y = s.text("Invoice", x, y + 26, 300, Style("Arimo-Bold", 14, 19), "paragraph_title", heading_level=2)
    top = y + 8
    y = s.text("Brindle Primary School\nMrs Olive Hartnell\n8 Chapel Hill\nTidewell TW4 1RA", x, top, 220, body)
    y = s.text("Invoice number: 2024-0387\nDate of invoice: 19 April 2024\nDate of delivery: 16 April 2024\n"
               "Customer number: 10452", 330, top, 210, body)
    y = s.text("Thank you for your order of 9 April. We delivered the following goods:", x, y + 16, width, body)
    items = [  # what, unit, how many, price in cents
        ("Oak board, planed, 200 x 20 cm", "piece", 6, 3450), ("Beech dowel, 12 mm, 1 m long", "piece", 40, 185),
        ("Wood glue, waterproof, 750 g", "bottle", 5, 1120), ("Sandpaper, grain 120", "sheet", 60, 65),
        ("Hinge, brass, 60 mm", "pair", 12, 740), ("Wood screws, 4 x 40 mm, box of 200", "box", 8, 925),
        ("Linseed oil, boiled", "litre", 4, 1380), ("Bench vice, 150 mm jaws", "piece", 2, 8900),
        ("Delivery to the workshop", "trip", 1, 2500)]
    money = lambda cents: f"{cents // 100:,}.{cents % 100:02d}"
    head = [Cell("Item", "left", True), Cell("Description", "left", True), Cell("Unit", "left", True),
            Cell("Quantity", RIGHT, True), Cell("Price EUR", RIGHT, True), Cell("Amount EUR", RIGHT, True)]
    rows, net = [head], 0
    for i, (what, unit, count, price) in enumerate(items, 1):
        net += count * price
        rows.append([Cell(str(i)), Cell(what), Cell(unit), Cell(str(count), RIGHT), Cell(money(price), RIGHT),
                     Cell(money(count * price), RIGHT)])
    tax = round(net * 0.19)
    for name, cents in (("Net amount", net), ("Value added tax 19 %", tax), ("Total due", net + tax)):
        rows.append([Cell(name, RIGHT, columns=5), Cell(money(cents), RIGHT)])
    y = s.table(x, y + 9, [34, 187, 50, 58, 64, 78], rows, body, bold, fill=0.9)
    y = s.text("Please pay the total within 30 days, by 19 May 2024, to the account below and quote the number of the invoice. "
               "Goods remain our property until they are paid in full.", x, y + 18, width, body)
    y = s.text("Account holder: Fenwick & Daughters\nBank: Tidewell Savings Bank\nAccount: 4410 8273 05", x, y + 12, width, body)
    s.text("With many thanks,\nRuth Fenwick", x, y + 18, width, body)
    return s


ABSTRACT = (
    "Small public libraries know how many books they lend, but seldom when their rooms are full. We counted visitors in four village "
    "libraries for 26 weeks with a light beam at the door and a clock, and compared the counts with the lending books. Lending tells "
    "little about presence: on wet afternoons the rooms held twice as many people as on dry ones, while the number of loans hardly "
    "changed. A simple rule with three terms predicts the hourly number of visitors to within 18 per cent.")
PAPER = [
    ("# 1 Introduction",),
    ("A library that opens for twelve hours a week must choose them well. The usual guide is the lending book, since it is kept "
     "anyway and names a day for every loan. Yet many people come to read the paper, to use the printer or to wait for the bus, and "
     "none of these leaves a line in the book.",
     "Larger houses count their visitors with cameras or gates. Both are dear, and neither is welcome in a room where everybody "
     "knows each other. We asked whether a much simpler device would do, and what its numbers say that the lending book does not.",
     "This report describes the device, the four libraries and what we found. The counts themselves are kept at the Institute, "
     "where others can check our sums."),
    ("# 2 The counter",),
    ("A lamp and a light cell face each other across the door at the height of the hip. When the beam is broken, a small clock writes "
     "the time to the nearest second on a card. Two beams, 9 cm apart, would tell coming from going; with one beam we take half of "
     "the breaks as visits, which is right as long as everybody leaves before the door is locked.",
     "Groups are the weak point. Two people who walk in arm in arm break the beam once. To see how much is lost we sat by the door for "
     "31 hours and counted by hand. The device missed 6.4 per cent of the visitors, nearly all of them children who came in "
     "groups after school. We did not correct for this."),
    ("# 3 Places and times",),
    ("The four libraries lie within 25 km of each other. Ashcombe and Brindle share their building with a school, Dunmere stands "
     "beside the bus station, and Farley is a room above the post office. They opened between 10 and 14 hours a week. The counters ran from "
     "2 October 2022 to 1 April 2023, in all for 1,214 open hours.",
     "Once a week a volunteer read the card and copied the times into a table. Eleven cards were lost or wet; we left "
     "those weeks out for all four places, so that their sums can be compared.",
     "For each open hour we noted the temperature and whether it rained, both from the weather station at Dunmere. School holidays were "
     "taken from the county's calendar."),
    ("# 4 Results",),
    ("In 26 weeks we counted 15,870 visits and 4,962 loans, which makes one loan for about three visits. The ratio differs widely: at "
     "Farley it is nearly one to one, at Dunmere one to five, where many people come in to wait.",
     "Figure 1 shows the mean number of visitors by the hour of the day. The peak between three and four in the afternoon is the end of "
     "school. A second and lower one at noon appears only on market days."),
    ("FIGURE",),
    ("Rain has the largest effect of all. In hours with rain the rooms held 2.1 times as many visitors as in dry hours of the same day "
     "and season. Loans rose by only 4 per cent, which is less than chance would explain. In short, people come in from the rain and "
     "read, but do not borrow more.",
     "Cold works in the same direction but more weakly. For every five degrees below ten we found one more visitor in the hour. "
     "Between the two schools there was no difference worth the name."),
    ("# 5 A simple rule",),
    ("We looked for the shortest rule that an honorary librarian could work out on paper. Take the mean of the same hour in the last four "
     "weeks; double it if rain is forecast; add one for every five degrees of frost. Over the last eight weeks, which we had set "
     "aside, the rule was wrong by 18 per cent on average. A regression with eleven terms was wrong by 16.",
     "With the lending book alone the error was 47 per cent. Whoever plans the hours of a library by its loans will therefore often "
     "open an empty room, and close the door on a full one."),
    ("# 6 What the librarians did",),
    ("We showed each librarian the counts of her own rooms and asked what she would change. At Ashcombe the answer was nothing: the hours "
     "had been chosen by the school, and they fit. At Brindle the Saturday morning, which was thought to be busy, turned out to be the "
     "emptiest time of the week; it was the loudest, because of the children, and that had been taken for a crowd.",
     "Dunmere had the most to gain. The room is warm, the bus station is not, and on winter evenings up to thirty people sat in a room made "
     "for eighteen. The librarian asked the bus company for a bench and a heater in the waiting hall, and got both. The number of visitors "
     "fell by a quarter and the number of loans did not fall at all, which pleased everybody.",
     "At Farley the stairs are steep. The counter showed that hardly anybody came twice on one day, while in the other places every "
     "seventh visitor did. A bell at the foot of the stairs, and a volunteer who carries books down, were tried for five weeks in "
     "spring. They brought eleven more loans a week from readers who had stopped coming."),
    ("# 7 Cost and care",),
    ("A counter costs about 34 pounds in parts. Building one takes an afternoon for someone who can use a soldering iron, and the plans "
     "fit on two sheets. The battery lasts for nine weeks. In half a year one lamp failed and one clock ran slow by four "
     "minutes a month, which we corrected in the table.",
     "Reading the cards is the larger expense. Each takes some twenty minutes, and tired eyes make mistakes: when two people read the same "
     "sixty cards, they disagreed on 1.3 per cent of the times, mostly on figures that were smudged. A machine that reads the cards would "
     "be welcome."),
    ("# 8 Limits",),
    ("Four places and one winter are not much. Villages without a bus station or a school may differ, and so may summers. The device "
     "counts breaks of a beam and not people. We have no way to tell a visitor who stays for two hours from two who stay for one.",
     "Nor do we know what people did inside. Some of those who came in from the rain may have read a whole book standing at the shelf; the "
     "lending book and our beam are equally blind to that. A few hours of patient watching would tell more than another winter of counts."),
    ("# 9 Conclusion",),
    ("A lamp, a cell and a clock, together worth less than two new books, tell a small library what its lending book cannot: when "
     "people are there. We have left the counters in place, and Dunmere has since moved its late opening from Monday to "
     "Wednesday, when the weekly market brings the most visitors.",),
    ("# References",),
]
# Where long words of the paper may break, as a typesetter would have it.
BREAKS = ("after-noon every-body meas-ured tem-per-a-ture neigh-bour li-brar-ian li-brar-ians li-brar-ies vol-un-teer wel-come pre-dicts "
          "vis-i-tors peo-ple cor-rected Wednes-day cor-rect-ed sta-tion be-tween num-ber thought Sat-ur-day emp-ti-est wait-ing sol-der-ing "
          "win-ter bat-tery ex-pense dis-a-greed ma-chine read-ers chil-dren differ-ence regres-sion aver-age coun-ters min-utes").split()
REFERENCES = [
    "[1] A. Corley and B. Simms. Counting without cameras. Journal of Small Libraries 12 (2019), 44-58.",
    "[2] H. Dunstan. What the lending book leaves out. Tidewell Press, 2007.",
    "[3] P. Okafor, L. Marsh and J. Reed. Weather and the use of public rooms. Harrow Studies 31 (2021), 203-219.",
    "[4] R. Whitcombe. Opening hours in rural counties. Library Notes 8 (2016), 5-17.",
]


def breakable(text):
    for word in BREAKS:
        text = re.sub(rf"\b{word.replace('-', '')}\b", word.replace("-", SOFT_HYPHEN), text)
    return text


def line_chart(s, x, y, w, h):
    """A chart of visitors by hour: axes, ticks, two curves and their names."""
    hours = list(range(9, 20))
    wet = [3, 5, 8, 12, 10, 12, 21, 18, 12, 8, 5]
    dry = [2, 3, 4, 6, 5, 6, 10, 9, 6, 4, 2]
    small = Style("Arimo", 7.5)
    left, right, bottom, top = x + 24, x + w - 6, y + h - 26, y + 6
    s.rule(left, bottom, right, bottom, 0.8)
    s.rule(left, bottom, left, top, 0.8)
    px = lambda i: left + 8 + i * (right - left - 14) / (len(hours) - 1)
    py = lambda v: bottom - v / 24 * (bottom - top)
    for v in (0, 5, 10, 15, 20):
        s.rule(left - 3, py(v), left, py(v), 0.8)
        s.line(str(v), x, py(v) - 4.5, 18, Style("Arimo", 7.5, align="right"))
    for i, hour in enumerate(hours):
        s.rule(px(i), bottom, px(i), bottom + 3, 0.8)
        if i % 2 == 0:
            s.line(str(hour), px(i) - 10, bottom + 5, 20, Style("Arimo", 7.5, align="center"))
    s.line("hour of the day", left, bottom + 15, right - left, Style("Arimo", 7.5, align="center"))
    for values, width, grey in ((wet, 1.6, 0.0), (dry, 1.1, 0.45)):
        for i in range(len(values) - 1):
            s.rule(px(i), py(values[i]), px(i + 1), py(values[i + 1]), width, grey)
    s.line("rain", px(7) + 2, py(18) - 12, 40, small)
    s.line("dry", px(7) - 2, py(9) - 12, 40, small)
    s.region("chart", (x, y, x + w, y + h))


def paper():
    s = Sheet("What the door knows: visitors and loans in four village libraries")
    body, gap, margin = Style("Tinos", 10, 12.4, "justify"), 20, 54
    column = (WIDTH - 2 * margin - gap) / 2
    y = s.text("What the Door Knows: Visitors and Loans\nin Four Village Libraries", margin, 58, WIDTH - 2 * margin,
               Style("Tinos-Bold", 18, 23, "center"), "doc_title", heading_level=1)
    y = s.text("Edith Marlow and Thomas Penhale", margin, y + 8, WIDTH - 2 * margin, Style("Tinos", 11.5, 15, "center"))
    y = s.text("Tidewell Institute for Public Rooms", margin, y, WIDTH - 2 * margin, Style("Tinos", 10.5, 14, "center"))
    y = s.text("Abstract", margin, y + 14, WIDTH - 2 * margin, Style("Tinos-Bold", 10.5, 15, "center"), "paragraph_title",
               heading_level=2)
    top = s.text(ABSTRACT, margin + 36, y + 2, WIDTH - 2 * margin - 72, Style("Tinos", 10, 12.4, "justify"), "abstract") + 18
    foot = HEIGHT - 76

    place = {"column": 0, "top": top, "y": top}

    def page_number():
        s.text(str(len(s.pages)), margin, HEIGHT - 54, WIDTH - 2 * margin, Style("Tinos", 9.5, align="center"), "number")

    def next_column():
        if place["column"] == 1:
            page_number()
            s.new_page()
            s.text("E. Marlow and T. Penhale: What the Door Knows", margin, 36, WIDTH - 2 * margin,
                   Style("Tinos", 9, align="center"), "header")
            place.update(column=0, top=64)
        else:
            place["column"] = 1
        place["y"] = place["top"]

    def put(height, draw):
        """Draws a block that stays whole in the first column with room for it."""
        if place["y"] + height > foot:
            next_column()
        place["y"] = draw(margin + place["column"] * (column + gap), place["y"])

    def height_of(text, style):
        return len(break_lines(text, style, column)) * style.leading

    heading = Style("Tinos-Bold", 12, 15)
    caption = Style("Tinos", 9, 11.4)
    for block in PAPER:
        if block[0].startswith("# "):
            title = block[0][2:]
            place["y"] += 7 if place["y"] > place["top"] else 0
            put(heading.leading + 4 + 3 * body.leading, lambda x, y: s.text(title, x, y, column, heading, "paragraph_title",
                                                                            heading_level=2) + 4)
        elif block == ("FIGURE",):
            text = ("Figure 1: Mean number of visitors in the room by hour of the day, all four libraries, in hours with rain (dark) "
                    "and without (grey).")

            def figure(x, y):
                line_chart(s, x, y + 4, column, 138)
                return s.text(text, x, y + 148, column, caption, "figure_title") + 9
            put(152 + height_of(text, caption), figure)
        else:
            for p in map(breakable, block):
                put(height_of(p, body), lambda x, y: s.text(p, x, y, column, body) + 5)
    reference = Style("Tinos", 9, 11.2)
    for r in REFERENCES:
        put(height_of(r, reference), lambda x, y: s.text(r, x, y, column, reference, "reference_content") + 3)
    page_number()
    return s


def report():
    s = Sheet("Water in Harrowshire 2023")
    x, width = 64, WIDTH - 128
    body, h1, h2 = Style("Caladea", 11, 15), Style("Arimo-Bold", 15, 20), Style("Arimo-Bold", 12, 16)
    cell, head = Style("Arimo", 9.5, 12.5), Style("Arimo-Bold", 9.5, 12.5)

    def furniture():
        s.text("Harrowshire Water Board", x, 34, 250, Style("Arimo", 8.5), "header")
        s.rule(x, 50, x + width, 50, 0.5)
        return 72

    def page_end():
        s.text(f"Page {len(s.pages)} of 3", x, HEIGHT - 50, width, Style("Arimo", 8.5, align="center"), "number")

    def title(text, y, level=2):
        style = h1 if level == 2 else h2
        return s.text(text, x, y, width, style, "paragraph_title", heading_level=level) + 5

    def paragraphs(y, *texts):
        for t in texts:
            y = s.text(t, x, y, width, body) + 7
        return y

    def caption(text, y):
        return s.text(text, x, y, width, Style("Arimo", 9.5, 12.5), "figure_title") + 5

    thousands = lambda v: f"{v:,}"
    y = furniture()
    y = s.text("Water in Harrowshire", x, y + 6, width, Style("Arimo-Bold", 23, 29), "doc_title", heading_level=1)
    y = s.text("Annual report for the year 2023", x, y + 2, width, Style("Caladea", 13, 18)) + 14
    y = title("1 The year in brief", y)
    y = paragraphs(
        y,
        "The Board supplied 41,300 households with drinking water, 620 more than in the year before. Sales rose by 1.8 per cent, a little "
        "less than the number of households, since the wet summer kept gardens green without our help. No village was without "
        "water for longer than nine hours.",
        "Two events will be remembered. On 11 June a tree brought down the power line to the Sallow Hill pumps, and the reserve "
        "engine carried the load for 31 hours. In November the new main under the river Tarn went into service, four months late "
        "but within its budget of 2.4 million.")
    y = title("2 Supply and demand", y + 7)
    y = paragraphs(
        y, "Table 1 gives the water taken from springs and wells and the water sold, by quarter. The difference is loss: leaks, "
        "flushing of mains and water used by the fire service. Losses fell to the lowest share since records began.")
    quarters = [("January to March", 812, 655, 1290), ("April to June", 846, 701, 1342), ("July to September", 903, 688, 1425),
                ("October to December", 797, 642, 1266)]
    rows = [[Cell("Quarter", "left", True, rows=2), Cell("Water taken, 1,000 cubic metres", "center", True, columns=3),
             Cell("Water sold", "center", True, rows=2), Cell("Loss\nper cent", "center", True, rows=2)],
            [Cell(n, "center", True) for n in ("Springs", "Wells", "Together")]]
    sums = [0, 0, 0]
    for name, springs, wells, sold in quarters:
        both = springs + wells
        sums = [a + b for a, b in zip(sums, (springs, wells, sold))]
        rows.append([Cell(name)] + [Cell(t, RIGHT) for t in (thousands(springs), thousands(wells), thousands(both), thousands(sold),
                                                           f"{100 * (both - sold) / both:.1f}")])
    both = sums[0] + sums[1]
    rows.append([Cell("Whole year", header=True)] + [Cell(t, RIGHT, True) for t in (
        thousands(sums[0]), thousands(sums[1]), thousands(both), thousands(sums[2]), f"{100 * (both - sums[2]) / both:.1f}")])
    y = caption("Table 1: Water taken and sold in 2023", y + 3)
    y = s.table(x, y, [132, 66, 66, 66, 74, 63], rows, cell, head, fill=0.92) + 12
    y = paragraphs(
        y,
        "The third quarter was the busiest, as always, although July was the wettest for twelve years. On the evening of 9 September "
        "we pumped 22,400 cubic metres in a day, the highest figure since 2018. The reservoirs stood at 71 per cent the next morning and "
        "were full again two days later.",
        "Of the losses about one half could be traced. Crews mended 213 leaks, 46 of them on the old iron main between Brindle and the mill, "
        "which will be replaced in the course of the next three years.")
    page_end()

    s.new_page()
    y = furniture()
    y = title("3 Quality", y)
    y = paragraphs(
        y,
        "Our laboratory examined 1,846 samples, and the county's laboratory a further 212. All but three met every limit of the "
        "Drinking Water Order. The three came from one tap in the school at Brindle, where a length of old pipe was found behind a "
        "wall and has been replaced.",
        "Hardness differs from place to place because the springs rise in limestone and the wells stand in gravel. Table 2 gives the means "
        "for the three zones. Households in the eastern zone may save soap, and should set their dishwashers to the lowest step.")
    y = caption("Table 2: Mean values by zone, with the limits of the Order", y + 3)
    rows = [[Cell("Property", "left", True, rows=2), Cell("Unit", "left", True, rows=2), Cell("Zone", "center", True, columns=3),
             Cell("Limit", "center", True, rows=2)],
            [Cell(n, "center", True) for n in ("North", "West", "East")]]
    for group, lines in (
        ("Measured at the works", [("Temperature", "degrees C", "9.8", "10.4", "11.2", "25"), ("Hardness", "mmol/l", "2.9", "2.4", "1.3", "-"),
                                   ("Nitrate", "mg/l", "11.6", "18.3", "24.0", "50")]),
        ("Measured at the tap", [("Copper", "mg/l", "0.08", "0.11", "0.19", "2.0"), ("Lead", "mg/l", "0.001", "0.001", "0.002", "0.010"),
                                 ("Free chlorine", "mg/l", "0.05", "0.05", "0.10", "0.30")])):
        rows.append([Cell(group, "left", True, columns=6)])
        for line in lines:
            rows.append([Cell(line[0]), Cell(line[1])] + [Cell(t, RIGHT) for t in line[2:]])
    y = s.table(x, y, [120, 75, 68, 68, 68, 68], rows, cell, head, fill=0.92) + 18
    y = title("3.1 Complaints", y, 3)
    y = paragraphs(
        y,
        "We received 118 complaints about the water itself, 40 fewer than in 2022. More than half of them concerned brown water after "
        "work on the mains. The brown colour is iron from the pipe walls; it is harmless and gone after a few minutes of running the "
        "cold tap. From April on we shall announce such work by a card in every letter box of the street.",
        "Seven complaints about taste led us to a reservoir whose cover had shifted in a gale. It was emptied, cleaned and closed again within "
        "two days.",
        "One letter deserves to be mentioned here. A pupil of nine years asked why the water of the school tastes of coins. She was the first "
        "to notice the old pipe, three weeks before our own samples did, and has since been shown round the laboratory with her whole class.")
    y = title("3.2 Springs and wells", y + 6, 3)
    y = paragraphs(
        y,
        "Farmers within the protected areas agreed to leave the fields nearest to the wells unploughed in winter. Nitrate in the eastern wells has "
        "fallen slowly from 27 to 24 mg per litre in six years. At this pace it will take another decade to reach 20, "
        "which is the aim that we set ourselves in 2017.")
    page_end()

    s.new_page()
    y = furniture()
    y = title("4 Money", y)
    y = paragraphs(
        y,
        "Income from the sale of water covered the cost of running the works and a third of the cost of new building. The rest was paid out of "
        "reserves, as the council decided in 2021. The price of a cubic metre has been the same for five years; it will have to rise by "
        "six per cent in 2025.")
    y = caption("Table 3: Income and spending in thousands", y + 3)
    lines = [("Income", [("Sale of water", 7416, 7549), ("Connections", 388, 342), ("Other", 95, 121)]),
             ("Spending", [("Staff", 2870, 2944), ("Power", 1128, 1367), ("Repairs", 1602, 1498), ("New mains", 1950, 2385)])]
    rows = [[Cell("", "left", True, columns=2), Cell("2022", RIGHT, True), Cell("2023", RIGHT, True), Cell("Change", RIGHT, True)]]
    rows[0][0].text = "Item"
    totals = {}
    for group, items in lines:
        for i, (name, before, now) in enumerate(items):
            first = [Cell(group, "left", True, rows=len(items) + 1)] if i == 0 else []
            rows.append(first + [Cell(name)] + [Cell(t, RIGHT) for t in (thousands(before), thousands(now), f"{now - before:+,}")])
        before, now = sum(i[1] for i in items), sum(i[2] for i in items)
        totals[group] = (before, now)
        rows.append([Cell("Together", header=True)] + [Cell(t, RIGHT, True) for t in (thousands(before), thousands(now), f"{now - before:+,}")])
    before, now = (totals["Income"][i] - totals["Spending"][i] for i in (0, 1))
    rows.append([Cell("Result", "left", True, columns=2)] + [Cell(t, RIGHT, True) for t in (f"{before:+,}", f"{now:+,}", f"{now - before:+,}")])
    y = s.table(x, y, [90, 137, 80, 80, 80], rows, cell, head, fill=0.92) + 18
    y = title("5 What comes next", y)
    y = paragraphs(
        y,
        "In 2024 we shall do three things. First, the wells at Lower Sallow will be lined with steel, which takes them out of service from May to "
        "August. Second, the meters of 6,200 households in the west are due for renewal after fifteen years. Third, we shall test a valve that "
        "reports leaks by radio in two villages.",
        "The largest task lies further ahead. Half of our mains were laid before 1965, and at the present rate it would take ninety years to renew "
        "them. We have asked the council to let us double the yearly length from 6 to 12 km, beginning in 2026, and shall publish "
        "a plan with streets and dates before the end of the summer.",
        "None of this would be possible without our staff of 64, eleven of whom live within ten minutes of a pumping station and have answered "
        "the telephone at night for many years. The Board thanks them.")
    s.text("Harrow, 21 February 2024\nHenrietta Vaughan, Chair of the Board", x, y + 14, width, body)
    page_end()
    return s


def form():
    s = Sheet("Application for an allotment garden")
    x, width = 60, WIDTH - 120
    body, label, value = Style("Arimo", 10, 13.5), Style("Arimo", 10, 13), Style("Tinos", 12, 15)
    y = s.text("Application for an Allotment Garden", x, 54, width, Style("Arimo-Bold", 17, 22), "doc_title", heading_level=1)
    y = s.text("Please write in block letters or with a typewriter, and return this sheet to the town hall by 30 September. One "
               "application for each household.", x, y + 6, width, body)
    y = s.text("A. Applicant", x, y + 14, width, Style("Arimo-Bold", 12, 16), "paragraph_title", heading_level=2) + 5
    for name, text in (("Family name", "Pemberton"), ("First names", "Alice Rosemary"), ("Date of birth", "23 August 1979"),
                       ("Street and number", "7 Station Terrace"), ("Town", "Harrow HA1 2RD"), ("Telephone", "01632 960 238")):
        s.box(x + 116, y, width - 116, 22, 0.8)
        s.line(name, x, y + 5, 110, label)
        s.line(text, x + 124, y + 4.5, 300, value)
        s.region("text", (x, y, x + width, y + 22), f"{name} {text}", field={"name": name, "value": text})
        y += 28
    y = s.text("B. Garden wanted", x, y + 12, width, Style("Arimo-Bold", 12, 16), "paragraph_title", heading_level=2) + 5
    rows = [[Cell("", header=True), Cell("First choice", "left", True), Cell("Second choice", "left", True)]]
    rows[0][0].text = "Details"
    for name, one, two in (("Site", "Mill Meadow", "Quarry Lane"), ("Plot number", "48", "112"), ("Size in square metres", "220", "185"),
                           ("Rent for a year", "62.50", "54.00"), ("Shed on the plot", "yes", "no")):
        rows.append([Cell(name, header=True), Cell(one), Cell(two)])
    y = s.table(x, y, [147, 164, 164], rows, value, Style("Arimo-Bold", 10, 13), pad=5)
    y = s.text("C. Statements", x, y + 20, width, Style("Arimo-Bold", 12, 16), "paragraph_title", heading_level=2) + 5
    for checked, text in ((True, "I live in the town and have done so for at least one year."),
                          (True, "I have read the garden rules and shall keep to them."),
                          (False, "I already rent a garden from the town or from a railway company."),
                          (True, "I would share a plot with another household.")):
        s.box(x, y - 1, 11, 11, 0.9)
        if checked:
            s.rule(x + 2, y + 1, x + 9, y + 8, 1.1)
            s.rule(x + 9, y + 1, x + 2, y + 8, 1.1)
        s.text(text, x + 20, y, width - 20, body, checked=checked)
        y += 19
    y = s.text("D. Reason for the application", x, y + 12, width, Style("Arimo-Bold", 12, 16), "paragraph_title", heading_level=2) + 5
    y = s.text("We have two children of four and seven years and no garden of our own. My mother, who lives with us, kept an allotment "
               "for thirty years and would like to teach them what she knows. If plot 48 is free, we could start in spring.",
               x, y, width, Style("Tinos", 12, 16))
    s.text("Harrow, 12 September 2023", x, y + 30, 200, value)
    s.rule(x, y + 62, x + 200, y + 62, 0.6)
    s.text("Place, date and signature", x, y + 65, 200, Style("Arimo", 9))
    s.text("Form G 12, revised January 2023", x, HEIGHT - 50, width, Style("Arimo", 8.5), "footer")
    return s


def notice():
    """The page behind skewed.pdf."""
    s = Sheet("Notice of the Tarn Valley Railway")
    x, width = 78, WIDTH - 156
    body = Style("DejaVuSerif", 10.5, 15.5)
    y = s.text("Tarn Valley Railway", x, 84, width, Style("DejaVuSerif", 20, 26, "center"), "doc_title", heading_level=1)
    y = s.text("Notice to all stations", x, y + 6, width, Style("DejaVuSerif", 13, 18, "center"), "paragraph_title",
               heading_level=2) + 16
    for p in (
        "From Monday 3 June the line between Dunmere and Upper Tarn will be closed for five weeks while the viaduct at Gorse Point is "
        "repaired. During this time buses will run in place of the trains. They stop in front of the station buildings, at "
        "Ashcombe in the market square.",
        "Tickets for the railway are valid on the buses without any extra charge. Bicycles cannot be carried. Travellers with "
        "heavy luggage are asked to tell the station master one day before their journey, so that a van can be sent.",
        "The first bus leaves Dunmere at 5.40 in the morning and the last one at 22.15. On Sundays and holidays the service begins an "
        "hour later. The journey takes 55 minutes, which is 20 minutes longer than by train; please allow for this when "
        "you have to change at Dunmere.",
    ):
        y = s.text(p, x, y, width, body) + 9
    y = s.text("Goods and parcels", x, y + 8, width, Style("DejaVuSerif", 13, 18), "paragraph_title", heading_level=2) + 6
    for p in (
        "Parcels of up to 20 kg are taken by bus. Larger goods will go by road from the yard at Dunmere every Tuesday and Friday at 8 "
        "o'clock. Milk is collected as before, but half an hour earlier, since the lorry takes the lower road.",
        "Station masters will keep a list of all goods that could not be sent and report it each evening by telephone to the traffic "
        "office, extension 214. Lamps and signals on the closed part of the line remain lit; no one may walk on the track.",
        "We ask for patience. The viaduct has carried our trains for 118 years, and after this work it should do so for another "
        "hundred. Lost property that is found in the buses will be kept at Dunmere until the end of July.",
    ):
        y = s.text(p, x, y, width, body) + 9
    s.text("Dunmere, 14 May 1996\nThe Traffic Manager", x, y + 18, width, body)
    return s
