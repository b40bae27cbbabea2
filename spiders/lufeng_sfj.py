"""陆丰市司法局 (Lufeng Municipal Bureau of Justice, Guangdong)."""

from spiders.templates.gkmlpt import Gkmlpt


class lufeng_sfj(Gkmlpt):
    """陆丰市司法局."""

    name = "lufeng_sfj"
    agency = "陆丰市司法局"
    base_url = "http://www.lufeng.gov.cn"
    channels = {
        "政策文件": "/gkmlpt/index#5011",
        "政策解读": "/gkmlpt/index#5012",
        "规划计划": "/gkmlpt/index#5013",
        "通知公告": "/gkmlpt/index#5014",
        "财政预决算": "/gkmlpt/index#5015",
        "行政执法": "/gkmlpt/index#5016",
        "统计信息": "/gkmlpt/index#5017",
        "政府信息公开年报": "/gkmlpt/index#5003",
    }
