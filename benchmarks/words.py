"""Chinese administrative prose from a small vocabulary: reads like a notice, says nothing, never twice the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


OFFICES = _words(
    "市司法局 市财政局 市民政局 市教育局 市卫生健康委员会 市住房和建设局 市交通运输局 市生态环境局 市市场监督管理局 市应急管理局 "
    "市自然资源局 市农业农村局 市水务局 市文化和旅游局 市退役军人事务局 市审计局 市统计局 市医疗保障局 市城市管理局 市信访局 "
    "各区人民政府 各街道办事处 各镇人民政府 市直各有关单位 局属各单位 局机关各处室"
)
VERBS = _words(
    "推进 落实 完善 规范 加强 开展 组织 公布 修订 印发 制定 审查 核实 登记 评估 督促 统筹 优化 健全 部署 检查 验收 调整 受理 "
    "办理 备案 公示 汇总 报送 梳理 清理 深化 细化 明确 保障 拓展"
)
OBJECTS = _words(
    "行政执法工作 法律援助案件 公共法律服务体系 人民调解组织 社区矫正对象管理 公证机构执业行为 律师事务所年度检查 司法鉴定质量 "
    "规范性文件审核 行政复议应诉 普法宣传教育 基层法治建设 政务公开标准 营商环境举措 财政专项资金 部门预算执行 国有资产台账 "
    "安全生产责任 防汛防台准备 城乡建设用地 住房保障名额 义务教育招生 职业技能培训 公共卫生服务 医疗机构校验 环境影响评价 "
    "污染物排放许可 道路运输经营 公共停车设施 农田水利设施 耕地地力补贴 渔业资源养护 文物保护单位 非物质文化遗产 信用信息归集 "
    "特种设备使用登记 食品经营许可 价格监测数据 人才引进待遇 志愿服务项目 养老服务机构 残疾人辅助器具 退役士兵安置 数据共享目录"
)
MANNERS = _words(
    "依法 及时 全面 按季度 逐项 分批 严格 持续 重点 统一 同步 如实 从严 稳步 会同有关单位 按照职责分工 结合实际 在规定期限内 "
    "通过书面审查 通过现场核查 以公开方式 经集体讨论"
)
REASONS = _words(
    "为进一步提高服务质量 为规范工作流程 根据年度工作安排 依照有关法律法规 经市人民政府同意 为方便群众办事 结合近期检查情况 "
    "按照上级部署 针对社会关注的问题 为保证工作连续 依据前期调查结果 考虑到本地实际"
)
RESULTS = _words(
    "确保各项任务按期完成 切实维护当事人合法权益 形成长效管理机制 不断提升群众满意度 做到责任到人 避免重复报送 防止资金闲置 "
    "为全年目标打下基础 接受社会监督 相关材料一并存档 结果另行通知 有关情况适时通报"
)
UNITS = _words("件 人次 万元 家 项 处 公里 平方米 户 场次 台 份")
FORMS = _words("通知 公告 公示 通报 意见 实施方案 批复 函 工作要点 管理办法 情况说明 决定")
HEADINGS = _words(
    "总体要求 工作目标 主要任务 申报条件 办理程序 责任分工 保障措施 时间安排 监督检查 其他事项 附则 经费来源"
)
SYLLABLES = (
    "安柏昌晨诚川春达德鼎东恩方丰福富刚高格冠光广国海瀚航浩和恒宏洪鸿华辉惠嘉坚建健江杰金锦晶景敬静九炬凯康科坤兰乐力立联良林凌龙隆"
    "茂美民明铭宁鹏平普齐启千强勤清泉群仁荣瑞润三森山尚深升胜盛石实世舒顺思松泰天田通同万旺威维伟文祥翔鑫信星兴雄旭轩雅阳耀业怡义毅银"
    "英盈永友余宇雨玉裕元源远岳云泽展正志智中众洲卓子紫宗"
)
HEADING_AT, LAST_CHARACTERS = 2, 400  # every sixth paragraph is a heading, none near the end
NOTED_SHARE = 0.4  # of a table's lines
NUMERALS = "一二三四五六七八九十"


def write_title(random: Random, serial: int) -> str:
    """Return a title that no other serial number gives."""
    year = 2012 + serial % 13
    pick = random.choice
    return f"关于{pick(VERBS)}{pick(OBJECTS)}和{pick(VERBS)}{pick(OBJECTS)}的{pick(FORMS)}（{year}年第{serial}号）"


def write_sentence(random: Random) -> str:  # noqa: PLR0911 - one line per pattern
    """Return one sentence of 25 to 80 characters."""
    pick = random.choice
    match random.randrange(9):
        case 0:
            return f"{pick(REASONS)}，{pick(OFFICES)}{pick(MANNERS)}{pick(VERBS)}{pick(OBJECTS)}，{pick(RESULTS)}。"
        case 1:
            number = random.randrange(3, 98_000)
            return f"截至{_day(random)}，共{pick(VERBS)}{pick(OBJECTS)}{number}{pick(UNITS)}，{pick(RESULTS)}。"
        case 2:
            return f"{pick(OFFICES)}应当{pick(MANNERS)}{pick(VERBS)}{pick(OBJECTS)}，并于{_day(random)}前{pick(VERBS)}{pick(OBJECTS)}。"
        case 3:
            one, two, three = random.sample(OBJECTS, 3)
            return f"{pick(MANNERS)}{pick(VERBS)}{one}、{two}、{three}，{pick(RESULTS)}。"
        case 4:
            return f"对{pick(OBJECTS)}中发现的{random.randrange(2, 60)}个问题，由{pick(OFFICES)}{pick(MANNERS)}{pick(VERBS)}。"
        case 5:
            share = random.randrange(100, 9990) / 100
            return f"其中{pick(OBJECTS)}占{share:.2f}%，{pick(OFFICES)}{pick(VERBS)}的{random.randrange(2, 900)}{pick(UNITS)}。"
        case 6:
            number = random.randrange(10**8, 10**9)
            return f"{_name(random)}有限公司（登记号{number}）{pick(MANNERS)}{pick(VERBS)}{pick(OBJECTS)}，经办人{_name(random)}。"
        case 7:
            names = "、".join(_name(random) for _ in range(random.randrange(3, 9)))
            return f"{names}等{random.randrange(9, 90)}{pick(UNITS)}{pick(VERBS)}{pick(OBJECTS)}，编号{random.randrange(10**5, 10**7)}。"
        case _:
            return f"未{pick(MANNERS)}{pick(VERBS)}{pick(OBJECTS)}的，由{pick(OFFICES)}责令改正；{pick(REASONS)}，可以延长{random.randrange(3, 90)}日。"


def write_paragraphs(random: Random, characters: int) -> list[str]:
    """Return paragraphs of about ``characters`` characters in all, numbered headings among them."""
    paragraphs: list[str] = []
    written = 0
    heading = 0
    while written < characters:
        if len(paragraphs) % 6 == HEADING_AT and characters - written > LAST_CHARACTERS:
            paragraph = f"{NUMERALS[heading % 10]}、{random.choice(HEADINGS)}"
            heading += 1
        else:
            sentences = [write_sentence(random)]
            room = min(random.randrange(60, 360), characters - written)
            while sum(map(len, sentences)) < room - 30:
                sentences.append(write_sentence(random))
            paragraph = "".join(sentences)
        paragraphs.append(paragraph)
        written += len(paragraph)
    return paragraphs


def write_table(random: Random, rows: int) -> tuple[tuple[str, ...], ...]:
    """Return a table: a head line, then ``rows`` lines of five cells."""
    lines = [("序号", "项目", "承办单位", "数量", "备注")]
    for number in range(1, rows + 1):
        amount = f"{random.randrange(1, 900_000) / 100:.2f}{random.choice(UNITS)}"
        note = write_sentence(random)[:18] if random.random() < NOTED_SHARE else "—"
        lines.append((str(number), random.choice(VERBS) + random.choice(OBJECTS), random.choice(OFFICES), amount, note))
    return tuple(lines)


def _name(random: Random) -> str:
    return "".join(random.choices(SYLLABLES, k=random.randrange(2, 5)))


def _day(random: Random) -> str:
    return f"{random.randrange(2013, 2026)}年{random.randrange(1, 13)}月{random.randrange(1, 29)}日"
