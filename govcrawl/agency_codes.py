"""Where an agency's code (机关代字) begins in the characters before the year of a document number.

Chinese is written without blanks, so 根据厦府办〔2018〕43号 does not say where the words end and 厦府办 begins. A code has a shape: a place
or a branch of government first, then organs and subjects, a kind of paper (发, 函, 字 …) last, each one character, hardly ever more than
eight. Every possible beginning is weighed by what stands before it (the edge of the run, a word that leads up to a number, the full
name of an organ) and by how far its characters have that shape; the best one is taken, or none.
"""

from __future__ import annotations

import re

LONGEST_RUN = 40
"""How many characters before the year are looked at."""

_SHORTEST, _LONGEST = 2, 14
_PLAIN_LENGTH = 6

# Characters that stand for an organ, a subject or a kind of paper inside a code.
_PARTS = frozenset(
    "发办函字规政府委司法财税教科工信公民人社自然资源划建住交水农商文旅卫健退役应急审计国环生态市监广体统医保林业海洋渔粮储金融访"
    "档党组宣纪编机关残妇团红侨台外事网安密综合行执城管罚决许准批复备案通告议令要呈示督查评价费物电力煤矿消防震气象烟盐专检疫质技"
    "术标食药品经贸改企投招引口岸园区开高新片仲裁律证调解依治矫正基层援鉴考没赔强制拘诉答辩知受移送听处分征收补迁房屋土地用草湿辐"
    "射污排核验抽测估询提协群军武警双拥优抚置救助老龄慈殡婚名联席会部厅局院署学校职技认伤险养失障劳薪聘任干离秘研数据营服港航运邮"
    "铁空车船路桥隧稽一二三四五六七八九十库预采购产权债基银农机畜牧兽种扶贫振兴乡村河湖汛旱灾减稳反恐禁毒普宗族语史志博图遗影视版"
    "出扫打互联程造绿容洁气热供燃节能碳创孵利博留中小微个体总队支大所站中心领导指挥镇街道层家便释刑诉民格庭讼判优化智慧算核减汇验培训竞赛志愿革华油电铁钢校院学宅厂矿作秘督网络游艺演娱"
)
# Places, ministries and branches that codes begin with.
_FIRST = frozenset(
    "国中京津沪渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川蜀黔贵滇云藏陕秦甘陇青宁新兵厦福榕泉漳莆龙南三明穗广深珠汕佛韶惠东江阳湛茂肇"
    "清潮揭梅杭甬温嘉湖绍金衢舟台丽锡常徐通连淮盐扬镇泰宿合芜蚌马铜安黄滁阜亳池宣沈大鞍抚本丹锦营盘葫长四白松延哈齐鸡鹤双伊佳"
    "牡绥石唐邯邢保张承沧廊衡太忻临呼包赤郑开洛平焦濮许漯商信周驻济淄枣烟潍威日莱德聊滨菏武宜襄荆孝咸随恩株潭岳益郴永怀娄"
    "柳梧北防钦玉百贺河来崇海儋成攀泸绵遂内乐眉达雅巴遵六毕昆曲昭普拉昌西渭汉榆酒定庆银固克吐陆景九萍鹰样"
    "财税教科公民司人社环建交水农卫应署高检药医统证体粮邮总组编侨质认劳价食旅林"
)
_ONLY_PLACES = frozenset(
    "京津沪渝冀晋蒙辽浙皖闽赣鲁豫鄂湘粤桂琼蜀黔贵滇藏陕陇厦榕漳莆穗汕韶湛肇揭甬衢芜蚌滁沈鞍沧廊郑洛濮淄潍菏襄泸渭"
)
# Names of offices end in these, codes have them only before the kind of paper.
_OFFICES, _PAPERS = frozenset("部厅局院会署所中心队"), frozenset("发函规办字令党人审法罚决许综政联秘")
_KINDS = frozenset(
    "发办函字规政府委司法财税教建交水农商文卫审监综罚决许批复备通告议令要呈督查预资社人民企采环改贸编秘干组宣检公安科管执用土地种计"
)
_NEVER = frozenset(
    "的了是在与及或被把将就并而且但也都使让给跟从对向于为该此其各每某这那有见附件号号條条款项章第等根按照遵参详书表例如何不可我你他它们已"
    "称请到至往由以因即只须细现则含属凭符违适做作写说载阅和原随除入好后时"
)
_PERHAPS_PLACES = frozenset("和将从于自原并为向含同")  # 和县, 将乐, 同安, 从化, 于都, 自贡, 太原, 并州 …
_TERRITORY = frozenset("省市县区州旗镇乡街部厅局院本我两依")  # hardly ever first
# Words that lead up to a number.
_LEADS = tuple(
    re.findall(
        r"\S+",
        "根据 按照 依据 依照 遵照 遵循 参照 对照 比照 贯彻 落实 执行 施行 实施 印发 转发 下发 发布 公布 颁布 "
        "颁发 制定 制发 出台 废止 失效 替代 代替 取代 修订 修改 修正 延续 继续 沿用 详见 参见 参阅 查阅 参考 "
        "引用 适用 违反 符合 现将 文件 通知 精神 文号 发文 字号 编号 规定 要求 意见 批复 方案 办法 条例 细则 "
        "规则 决定 公告 通告 以及 并与 并由 或者 同时 结合 属于 包括 其中 分别 有关 关于 附件 原件 收到 报送 "
        "报请 请示 上报 答复 回复 复函 来函 来文 发来 作出 做出 下达 出具 核发 取得 持有 许可证 决定书 通知书 "
        "告知书 认定书 意见书 文书 判决 报告 简称 下称 上述 前述 依托 针对 围绕 明确 确定 确认 认定 批准 同意 "
        "印送 学习 传达 对接 衔接 引发 转载 解读 下文 正式 此前 先后 纳入 列入 归入 载入 写入 计入 并入 转入 "
        "检查 抓好 做好 办好 用好 实好 报备 备案 公示 刊登 刊载 登载 汇编 清理 梳理 保留 沿袭 承接 立足 响应 "
        "呼应 配合 细化 补充 完善 深化 强化 推进 推动 推行 开展 组织 部署 安排 宣传 宣贯 领会 吃透 把握 坚持 "
        "遵守 恪守 严守 履行 兑现 享受 申请 申报 申领 套用 运用 使用 利用 借鉴 比对 核对 核实 核查 审查 审核 "
        "审议 审定 复核 复议 撤销 撤回 变更 调整 终止 中止 停止 暂停 恢复 维持 保持 限于 鉴于 由于 基于 对于 "
        "至于 源于 凭借 通过 经由 随着 除了 扣除 排除 不含 包含 涵盖 涉及 提到 提及 提出 指出 强调 载明 列明 "
        "注明 说明 表明 证明 声明 称为 视为 作为 成为 改为 转为 转交 移交 送达 抄送 抄报 呈报 呈送 起草 拟定 "
        "拟订 编制 编写 签发 签署 签订 收悉 知悉 获悉 熟悉 出自 来自 源自 始于 早于 晚于 等同 参加 参与 支持 "
        "接受 采纳 采用 选用 启用 停用 经报 以下 ",
    )
)
_SHORT_LEADS = frozenset(
    "入好过后前时起上文经按依据照因凭以及与和或并且而由从自至到向在于为将把对就被受的了用是系指即如见该此等第原现含除随同件号"
)
_ORGANS = re.compile(
    "(?:国务院|政府|办公厅|办公室|委员会|管委会|党委|[市省区县州]委|党组|[市省区县州]委.{0,3}办|[市省区县]府办|政府办|两办|中办|国办|总署|银行|协会|学会|大学|学院|公司|"
    "集团|中心|领导小组|联席会议|指挥部|(?:改革|健康|国资|民族|编|政法|民|发改|卫健)委|..[局部厅院]|[我本该贵][局厅部委院]|..[总支大]队)$"
)
_ORGAN_ENDS = frozenset("院府厅室会委组办署行学司团心议部局队国中")
_LONGEST_ORGAN = 8
_MINISTRIES = re.compile("(?:工信|人社|住建|教|科)[部厅](?=.)|国[办发]|中[办发]")
# Words after which 于, 自, 从 … begin a name: 根据于 says nothing.
_TRANSITIVE = tuple(
    re.findall(
        r"\S+",
        "根据 按照 依据 依照 遵照 参照 贯彻 落实 执行 印发 转发 废止 替代 取代 修订 修改 适用 违反 符合 与 和 及",
    )
)
_PAIRS = frozenset(("经信", "经贸", "经济", "经开", "自然", "自贸", "依法", "数据", "合同"))  # not to be parted
_SIMPLE = str.maketrans(
    "發辦規財稅執農業環衛醫監審計藝關總統條國務廳決罰複備號據與將爲為從對縣區廣閩雲遼寧蘇漢陝貴瓊蒙魯鄭濱聯組黨編報質檢證運郵鐵電氣紀處徵補許",
    "发办规财税执农业环卫医监审计艺关总统条国务厅决罚复备号据与将为为从对县区广闽云辽宁苏汉陕贵琼蒙鲁郑滨联组党编报质检证运邮铁电气纪处征补许",
)

_EDGE, _LINE, _BLANK, _LEAD, _LONG_LEAD, _ORGAN, _NOTHING = 2.0, 2.0, 1.5, 1.5, 1.8, 1.0, -2.0
_UNKNOWN_WORD = -0.5  # before a province or city that codes begin with
_LEAST, _MOST_STRANGE = -0.1, 1.3


def pick_code(run: str, *, joined: bool = False) -> str | None:
    """Return the code at the end of a run of Chinese characters, None where nothing there has the shape of one.

    Args:
        run: the characters before the year back to a mark, blanks and line ends included, without those at its end.
        joined: a number or a title ends just before the run, so that 和, 并 … at its beginning join two of them.
    """
    plain, gaps = _without_gaps(run.translate(_SIMPLE))
    letters, _ = _without_gaps(run)
    best, taken = _LEAST, None
    for start in range(max(0, len(plain) - _LONGEST), len(plain) - _SHORTEST + 1):
        edge = _weigh_before(plain, start, gaps, joined=joined)
        score = edge + _weigh_code(plain[start:], bounded=edge > 0)
        score -= sum(gap - 0.5 for place, gap in gaps.items() if place > start)  # a code is seldom broken
        if score > best:
            best, taken = score, letters[start:]
    return taken


def _without_gaps(run: str) -> tuple[str, dict[int, float]]:
    """Return the characters, and before which of them there was a blank or a line end, with what that weighs."""
    letters: list[str] = []
    gaps: dict[int, float] = {}
    for char in run:
        if char.isspace():
            if letters:
                gaps[len(letters)] = _LINE if char in "\n\r" or gaps.get(len(letters)) == _LINE else _BLANK
        else:
            letters.append(char)
    return "".join(letters), gaps


def _weigh_before(plain: str, start: int, gaps: dict[int, float], *, joined: bool) -> float:
    if start == 0:
        return _EDGE - (1.0 if joined and plain[0] in _PERHAPS_PLACES else 0.0)
    if start in gaps:
        return gaps[start]
    before = plain[:start]
    parted = plain[start - 1 : start + 1] in _PAIRS
    if parted or (before[-1] in _PERHAPS_PLACES and before[:-1].endswith(_TRANSITIVE)):
        return _NOTHING
    if before[-1] in _SHORT_LEADS or before.endswith(_LEADS):
        return _LONG_LEAD if before.endswith(_LEADS) else _LEAD
    if before[-1] in _ORGAN_ENDS and _ORGANS.search(before[-_LONGEST_ORGAN:]):
        return _ORGAN
    return _UNKNOWN_WORD if plain[start] in _ONLY_PLACES else _NOTHING


def _weigh_code(code: str, *, bounded: bool) -> float:
    """Weigh how far characters have the shape of a code; where a boundary stands before them, strange ones count less."""
    ministry = _MINISTRIES.match(code)
    score, strange = _weigh_first(code[0])
    score += 0.5 if ministry else 0.0
    score -= 2.0 if code.startswith(_LEADS) else 0.0
    for place in range(max(1, ministry.end() if ministry else 0), len(code)):
        minus, odd = _weigh_inner(code, place)
        score -= minus
        strange += odd
    score -= min(strange, _MOST_STRANGE) if bounded else strange
    if code[-1] not in _KINDS:
        score -= 0.3 if code[-1] in _PARTS or code[-1] in _FIRST else 0.7
    if len(code) == _SHORTEST:
        score -= 0.3
    return score - 0.3 * max(0, len(code) - _PLAIN_LENGTH)


def _weigh_first(char: str) -> tuple[float, float]:
    """Return what a code's first character counts, and how strange it is."""
    if char in _NEVER:
        return -0.3 if char in _PERHAPS_PLACES else -4.0, 0.0
    if char in _TERRITORY:
        return -1.2, 0.0
    if char in _FIRST:
        return 1.0, 0.0
    return 0.0, 0.0 if char in _PARTS else 0.7


def _weigh_inner(code: str, place: int) -> tuple[float, float]:
    """Return what a character inside a code takes from it, and how strange it is."""
    char = code[place]
    if char in _NEVER:
        return 1.0 if char in _PERHAPS_PLACES and place == 1 else 4.0, 0.0
    if char in _OFFICES:
        return 0.0 if code[place + 1 : place + 2] in _PAPERS else 2.0, 0.0
    if char in _ONLY_PLACES and place > 1:
        return 2.0, 0.0
    known = char in _PARTS or char in _FIRST
    return 0.0, 0.0 if known else 0.7 if place == 1 else 1.2
