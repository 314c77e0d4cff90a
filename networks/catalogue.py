"""The goods, places and lanes of the demo network: invented, or chosen by hand from the map.

Suppliers, goods and customers do not exist; places, ports and sea routes do. Coordinates are degrees.
"""

# supplier: (name, Chinese name, lat, lon, country, time zone, port that it ships from)
SUPPLIERS = {
    "SUP-YIWU": ("Yiwu Homeware Works", "义乌家居用品厂", 29.3151, 120.0768, "CN", "Asia/Shanghai", "CNNGB"),
    "SUP-SHENZHEN": ("Shenzhen Kitchen Instruments", "深圳厨房器具", 22.7201, 114.0579, "CN", "Asia/Shanghai", "CNYTN"),
    "SUP-SAIGON": ("Saigon Coffee and Cashew", "西贡咖啡腰果", 10.9574, 106.8426, "VN", "Asia/Ho_Chi_Minh", "VNCMT"),
    "SUP-MUMBAI": ("Deccan Spice and Cotton", "德干香料棉纺", 19.2967, 73.0631, "IN", "Asia/Kolkata", "INNSA"),
    "SUP-IZMIR": ("Aegean Dried Fruit", "爱琴海干果", 38.4622, 27.2176, "TR", "Europe/Istanbul", "TRIZM"),
    "SUP-AGADIR": ("Souss Valley Preserves", "苏斯谷腌渍食品", 30.3500, -9.4800, "MA", "Africa/Casablanca", "MAAGA"),
    "SUP-VARDE": ("West Jutland Dairies", "西日德兰乳业", 55.6210, 8.4807, "DK", "Europe/Copenhagen", "DKEBJ"),
}

# port: (name, Chinese name, lat, lon, country, time zone)
PORTS = {
    "CNNGB": ("Ningbo", "宁波港", 29.93, 121.85, "CN", "Asia/Shanghai"),
    "CNYTN": ("Yantian", "盐田港", 22.57, 114.27, "CN", "Asia/Shanghai"),
    "VNCMT": ("Cai Mep", "盖梅港", 10.53, 107.03, "VN", "Asia/Ho_Chi_Minh"),
    "INNSA": ("Nhava Sheva", "那瓦舍瓦港", 18.95, 72.95, "IN", "Asia/Kolkata"),
    "TRIZM": ("Izmir", "伊兹密尔港", 38.44, 27.15, "TR", "Europe/Istanbul"),
    "MAAGA": ("Agadir", "阿加迪尔港", 30.42, -9.64, "MA", "Africa/Casablanca"),
    "DKEBJ": ("Esbjerg", "埃斯比约港", 55.47, 8.43, "DK", "Europe/Copenhagen"),
    "GBFXT": ("Felixstowe", "费利克斯托港", 51.95, 1.31, "GB", "Europe/London"),
    "GBSOU": ("Southampton", "南安普敦港", 50.90, -1.43, "GB", "Europe/London"),
    "GBIMM": ("Immingham", "伊明赫姆港", 53.63, -0.19, "GB", "Europe/London"),
    "NLRTM": ("Rotterdam", "鹿特丹港", 51.95, 4.10, "NL", "Europe/Amsterdam"),
}

AIRPORTS = {
    "HKG": ("Hong Kong International", "香港国际机场", 22.309, 113.915, "HK", "Asia/Hong_Kong"),
    "EMA": ("East Midlands", "东米德兰兹机场", 52.831, -1.328, "GB", "Europe/London"),
}

CENTRAL = "CW-DAVENTRY"
CONTINENT = "RW-VENLO"
# warehouse: (kind, name, Chinese name, lat, lon, country, time zone, cold rooms)
WAREHOUSES = {
    CENTRAL: ("central_warehouse", "Central warehouse Daventry", "达文特里中央仓", 52.2800, -1.1900, "GB", "Europe/London", 4),
    "RW-LONDON": ("regional_warehouse", "Regional warehouse London", "伦敦区域仓", 51.5300, 0.1500, "GB", "Europe/London", 2),
    "RW-MANCHESTER": ("regional_warehouse", "Regional warehouse Manchester", "曼彻斯特区域仓", 53.4650, -2.3300, "GB", "Europe/London", 2),
    "RW-GLASGOW": ("regional_warehouse", "Regional warehouse Glasgow", "格拉斯哥区域仓", 55.8300, -4.0000, "GB", "Europe/London", 2),
    "RW-BRISTOL": ("regional_warehouse", "Regional warehouse Bristol", "布里斯托尔区域仓", 51.5300, -2.6500, "GB", "Europe/London", 2),
    "RW-DUBLIN": ("regional_warehouse", "Regional warehouse Dublin", "都柏林区域仓", 53.3000, -6.4300, "IE", "Europe/Dublin", 2),
    CONTINENT: ("regional_warehouse", "Regional warehouse Venlo", "芬洛区域仓", 51.3900, 6.1000, "NL", "Europe/Amsterdam", 2),
}

# Pieces of sea routes, from south and east to north and west. Checked against the coast by `calibrate.py`.
NINGBO_OUT = [(29.85, 122.15), (29.60, 122.60), (27.5, 121.6), (25.4, 120.1), (23.6, 118.6), (22.0, 116.0)]
YANTIAN_OUT = [(22.45, 114.42), (22.1, 114.6)]
SOUTH_CHINA_SEA = [(19.5, 113.8), (14.0, 111.8), (9.0, 109.0), (5.0, 106.0)]
CAI_MEP_OUT = [(10.25, 107.05), (9.5, 107.2), (5.0, 105.8)]
MALACCA = [(1.55, 104.75), (1.25, 104.35), (1.17, 103.85), (1.12, 103.55), (1.75, 102.55), (2.6, 101.4), (3.6, 99.95), (5.6, 97.9), (6.1, 95.0)]
INDIAN_OCEAN = [(5.5, 80.6), (7.7, 73.0), (13.3, 54.0)]
NHAVA_SHEVA_OUT = [(18.90, 72.75), (17.5, 67.0), (13.6, 54.0)]
ADEN_TO_SUEZ = [(12.3, 48.0), (12.05, 44.6), (12.55, 43.35), (13.6, 42.7), (16.0, 41.1), (20.0, 38.4), (24.0, 36.3), (27.2, 34.4), (27.75, 33.8), (28.6, 33.05), (29.6, 32.55), (29.95, 32.55), (30.45, 32.35), (31.3, 32.35)]
LEVANT_TO_SICILY = [(31.9, 31.8), (33.4, 27.0), (34.2, 23.5), (35.4, 15.5)]
IZMIR_OUT = [(38.46, 26.95), (38.56, 26.75), (38.72, 26.55), (38.75, 26.1), (38.35, 25.4), (37.93, 24.62), (37.68, 24.47), (37.3, 24.2), (36.75, 23.5), (36.42, 23.12), (36.42, 22.85), (35.9, 21.8), (35.4, 15.5)]
SICILY_TO_GIBRALTAR = [(35.55, 14.3), (36.6, 12.9), (37.25, 11.3), (37.65, 9.8), (37.6, 5.0), (36.5, -1.0), (36.05, -3.5), (35.95, -5.5), (35.95, -6.5)]
IBERIA = [(36.7, -9.3), (39.5, -9.9), (43.4, -9.7)]
AGADIR_OUT = [(30.4, -9.9), (33.0, -10.0), (39.5, -9.95), (43.4, -9.7)]
BISCAY_TO_CHANNEL = [(48.6, -5.9), (49.6, -3.5)]
DOVER_STRAIT = [(50.3, -0.7), (50.75, 0.9), (51.05, 1.5), (51.4, 1.75)]
TO_FELIXSTOWE = [(51.85, 1.55)]
TO_ROTTERDAM = [(51.7, 2.7), (52.0, 3.8)]
TO_SOUTHAMPTON = [(50.2, -1.2), (50.6, -0.95), (50.76, -1.1)]

EAST = SOUTH_CHINA_SEA + MALACCA + INDIAN_OCEAN + ADEN_TO_SUEZ + LEVANT_TO_SICILY + SICILY_TO_GIBRALTAR + IBERIA + BISCAY_TO_CHANNEL

# sea lane: (from, to, waypoints, ships, days between departures)
SEA_LANES = {
    "SEA-NGB-FXT": ("CNNGB", "GBFXT", NINGBO_OUT + EAST + DOVER_STRAIT + TO_FELIXSTOWE, 4, 7),
    "SEA-NGB-RTM": ("CNNGB", "NLRTM", NINGBO_OUT + EAST + DOVER_STRAIT + TO_ROTTERDAM, 3, 7),
    "SEA-YTN-SOU": ("CNYTN", "GBSOU", YANTIAN_OUT + EAST + TO_SOUTHAMPTON, 4, 7),
    "SEA-CMT-FXT": ("VNCMT", "GBFXT", CAI_MEP_OUT + EAST[len(SOUTH_CHINA_SEA):] + DOVER_STRAIT + TO_FELIXSTOWE, 3, 7),
    "SEA-NSA-FXT": ("INNSA", "GBFXT", NHAVA_SHEVA_OUT + ADEN_TO_SUEZ + LEVANT_TO_SICILY + SICILY_TO_GIBRALTAR + IBERIA + BISCAY_TO_CHANNEL + DOVER_STRAIT + TO_FELIXSTOWE, 3, 7),
    "SEA-IZM-SOU": ("TRIZM", "GBSOU", IZMIR_OUT + SICILY_TO_GIBRALTAR + IBERIA + BISCAY_TO_CHANNEL + TO_SOUTHAMPTON, 2, 7),
    "SEA-AGA-SOU": ("MAAGA", "GBSOU", AGADIR_OUT + BISCAY_TO_CHANNEL + TO_SOUTHAMPTON, 2, 3),
    "SEA-EBJ-IMM": ("DKEBJ", "GBIMM", [(55.45, 8.1), (53.8, 1.0), (53.58, 0.25)], 2, 1),
}
SHIP_NAMES = [
    "Amber Tern", "Brave Curlew", "Calm Petrel", "Distant Gannet", "Early Plover", "Fair Avocet", "Grey Heron",
    "High Kestrel", "Ivory Gull", "Jolly Dunlin", "Keen Osprey", "Lone Skua", "Mild Eider", "Noble Shearwater",
    "Old Cormorant", "Proud Fulmar", "Quiet Sandpiper", "Royal Albatross", "Swift Turnstone", "True Kittiwake",
    "Upland Lapwing", "Vivid Kingfisher", "Wild Godwit",
]

# Bends of roads and ferries between warehouses, and to customers far from Venlo.
ROAD_BENDS = {
    "RW-DUBLIN": [(52.7, -2.4), (53.30, -4.63)],
    CONTINENT: [(51.5, -0.2), (51.12, 1.32), (50.97, 1.85), (50.9, 4.4)],
}
NORDIC_BENDS = {
    "DK": [(53.55, 9.9), (54.8, 9.4), (55.5, 9.75), (55.4, 10.4)],
    "SE": [(53.55, 9.9), (54.8, 9.4), (55.4, 10.4), (55.6, 12.6)],
    "NO": [(53.55, 9.9), (54.8, 9.4), (55.4, 10.4), (55.6, 12.6), (57.7, 12.0)],
    "FI": [(53.55, 9.9), (54.8, 9.4), (55.4, 10.4), (55.6, 12.6), (59.3, 18.0)],
}

COUNTRIES = {
    "United Kingdom": "GB", "Germany": "DE", "France": "FR", "EIRE": "IE", "Spain": "ES", "Netherlands": "NL",
    "Belgium": "BE", "Switzerland": "CH", "Portugal": "PT", "Norway": "NO", "Italy": "IT", "Finland": "FI",
    "Sweden": "SE", "Austria": "AT", "Denmark": "DK", "Poland": "PL", "Greece": "GR", "Czech Republic": "CZ",
}

# supplier: [(name, Chinese name, unit, grams, millilitres, pence at cost, shelf life in days)]; chilled if it says so.
DRY, CHILLED = "dry", "chilled"
GOODS = {
    ("SUP-YIWU", DRY): [
        ("Beeswax candle pair", "蜂蜡蜡烛一对", "pair", 220, 400, 210, None),
        ("Linen-look table runner", "仿亚麻桌旗", "piece", 260, 900, 340, None),
        ("Bamboo chopping board", "竹砧板", "piece", 850, 1400, 395, None),
        ("Woven bread basket", "编织面包篮", "piece", 240, 5200, 285, None),
        ("Glass storage jar 1 l", "玻璃密封罐1升", "piece", 610, 1700, 255, None),
        ("Glass storage jar 2 l", "玻璃密封罐2升", "piece", 980, 3100, 360, None),
        ("Enamel mug cream", "奶油色搪瓷杯", "piece", 180, 600, 165, None),
        ("Enamel mug blue", "蓝色搪瓷杯", "piece", 180, 600, 165, None),
        ("Wooden spoon set of 3", "木勺三件套", "set", 140, 500, 145, None),
        ("Cotton string shopping bag", "棉线购物袋", "piece", 95, 350, 120, None),
        ("Ceramic egg cup", "陶瓷蛋杯", "piece", 90, 220, 70, None),
        ("Paper gift bag large", "大号纸礼品袋", "piece", 60, 120, 32, None),
        ("Paper gift bag small", "小号纸礼品袋", "piece", 28, 55, 18, None),
        ("Party bunting 5 m", "派对彩旗5米", "piece", 110, 450, 180, None),
        ("Picnic blanket", "野餐毯", "piece", 900, 6500, 690, None),
        ("Willow picnic hamper", "柳编野餐篮", "piece", 2400, 38000, 1850, None),
    ],
    ("SUP-SHENZHEN", DRY): [
        ("Digital kitchen scale", "电子厨房秤", "piece", 480, 1900, 640, None),
        ("Probe thermometer", "探针温度计", "piece", 95, 350, 410, None),
        ("Milk frother", "奶泡器", "piece", 160, 700, 330, None),
        ("Kitchen timer", "厨房定时器", "piece", 85, 260, 215, None),
        ("Herb scissors", "香草剪刀", "piece", 150, 420, 240, None),
        ("Silicone baking mat", "硅胶烘焙垫", "piece", 210, 380, 270, None),
        ("Cake tin springform 23 cm", "23厘米活底蛋糕模", "piece", 520, 4200, 380, None),
        ("Coffee dripper", "手冲咖啡滤杯", "piece", 320, 1500, 290, None),
        ("Insulated bottle 500 ml", "500毫升保温瓶", "piece", 290, 1100, 520, None),
        ("Lunch box two tiers", "双层饭盒", "piece", 360, 2100, 460, None),
        ("Mini string lights 10 m", "10米迷你灯串", "piece", 190, 800, 350, None),
        ("Electric tea light set of 6", "电子茶烛六件套", "set", 130, 500, 310, None),
    ],
    ("SUP-SAIGON", DRY): [
        ("Robusta coffee beans 1 kg", "罗布斯塔咖啡豆1公斤", "bag", 1030, 2800, 720, 365),
        ("Arabica coffee beans 500 g", "阿拉比卡咖啡豆500克", "bag", 520, 1500, 560, 365),
        ("Ground coffee 250 g", "咖啡粉250克", "bag", 265, 700, 240, 300),
        ("Roast cashews 200 g", "烤腰果200克", "bag", 210, 450, 195, 270),
        ("Coconut chips 100 g", "椰子片100克", "bag", 108, 600, 110, 270),
        ("Black peppercorns 100 g", "黑胡椒粒100克", "jar", 190, 220, 145, 900),
        ("Cinnamon sticks 50 g", "肉桂条50克", "jar", 140, 260, 130, 900),
        ("Rattan place mat", "藤编餐垫", "piece", 130, 900, 155, None),
    ],
    ("SUP-MUMBAI", DRY): [
        ("Assam tea 250 g", "阿萨姆红茶250克", "tin", 330, 900, 260, 730),
        ("Darjeeling tea 125 g", "大吉岭红茶125克", "tin", 190, 600, 340, 730),
        ("Masala chai 200 g", "马萨拉茶200克", "tin", 280, 800, 275, 540),
        ("Ground turmeric 80 g", "姜黄粉80克", "jar", 170, 200, 95, 720),
        ("Cumin seed 80 g", "孜然80克", "jar", 165, 210, 98, 720),
        ("Garam masala 80 g", "格拉姆马萨拉80克", "jar", 168, 210, 115, 540),
        ("Mango chutney 340 g", "芒果酸辣酱340克", "jar", 560, 480, 165, 540),
        ("Basmati rice 2 kg", "巴斯马蒂香米2公斤", "bag", 2020, 2500, 390, 730),
        ("Block-print napkin set of 4", "木版印花餐巾四件套", "set", 180, 500, 360, None),
        ("Block-print apron", "木版印花围裙", "piece", 240, 800, 480, None),
        ("Cotton tea towel", "棉茶巾", "piece", 75, 260, 130, None),
        ("Brass tea light holder", "黄铜烛台", "piece", 210, 260, 285, None),
    ],
    ("SUP-IZMIR", DRY): [
        ("Dried figs 250 g", "无花果干250克", "bag", 260, 380, 175, 300),
        ("Dried apricots 250 g", "杏干250克", "bag", 260, 360, 168, 300),
        ("Sultanas 500 g", "无核葡萄干500克", "bag", 515, 650, 150, 330),
        ("Roast hazelnuts 200 g", "烤榛子200克", "bag", 210, 400, 220, 270),
        ("Pistachios 200 g", "开心果200克", "bag", 210, 420, 330, 270),
        ("Turkish delight rose 200 g", "玫瑰软糖200克", "box", 260, 700, 190, 365),
        ("Bay leaves 20 g", "月桂叶20克", "jar", 110, 240, 75, 720),
        ("Olive oil soap bar", "橄榄油皂", "piece", 125, 130, 110, 1095),
    ],
    ("SUP-IZMIR", CHILLED): [
        ("White cheese in brine 400 g", "盐水白奶酪400克", "tub", 640, 700, 235, 120),
        ("Marinated artichokes 200 g", "腌洋蓟200克", "tub", 240, 300, 195, 75),
    ],
    ("SUP-AGADIR", CHILLED): [
        ("Green olives with lemon 250 g", "柠檬青橄榄250克", "tub", 290, 340, 125, 90),
        ("Black olives dry-cured 250 g", "干腌黑橄榄250克", "tub", 285, 340, 130, 90),
        ("Preserved lemons 350 g", "腌柠檬350克", "jar", 560, 420, 155, 180),
        ("Harissa paste 180 g", "哈里萨辣酱180克", "jar", 310, 240, 118, 120),
        ("Fresh dates 400 g", "鲜椰枣400克", "box", 420, 700, 240, 60),
        ("Clementines 1 kg net", "克莱门氏小柑橘1公斤", "net", 1010, 1900, 145, 28),
    ],
    ("SUP-VARDE", CHILLED): [
        ("Salted butter 250 g", "咸黄油250克", "piece", 256, 280, 148, 90),
        ("Unsalted butter 250 g", "无盐黄油250克", "piece", 256, 280, 148, 80),
        ("Cultured cream 200 ml", "发酵奶油200毫升", "pot", 225, 240, 88, 28),
        ("Plain yoghurt 500 g", "原味酸奶500克", "pot", 530, 560, 92, 25),
        ("Skyr vanilla 450 g", "香草冰岛酸奶450克", "pot", 480, 520, 128, 28),
        ("Blue cheese 150 g", "蓝纹奶酪150克", "piece", 160, 190, 165, 50),
        ("Havarti slices 200 g", "哈瓦蒂奶酪片200克", "pack", 215, 300, 158, 60),
        ("Aged hard cheese 300 g", "陈年硬奶酪300克", "piece", 310, 320, 295, 120),
        ("Cream cheese 200 g", "奶油奶酪200克", "tub", 220, 260, 105, 45),
        ("Smoked salmon 100 g", "烟熏三文鱼100克", "pack", 120, 220, 310, 21),
        ("Gravlax 150 g", "腌三文鱼150克", "pack", 170, 260, 365, 18),
        ("Pickled herring 250 g", "腌鲱鱼250克", "jar", 430, 380, 172, 60),
    ],
}

FIRST = ["Willow", "Harbour", "Copper", "Orchard", "Lantern", "Meadow", "Slate", "Juniper", "Cobble", "Heather", "Saffron", "Thistle", "Rowan", "Larder", "Clover", "Ember", "Fern", "Hazel", "Kettle", "Linen"]
SECOND = ["Pantry", "Gifts", "Trading", "Deli", "Home", "Table", "Stores", "Provisions", "Kitchen", "House", "Corner", "Market", "Supply", "Works", "Room"]
