"""盘锦市司法局 (Panjin Municipal Bureau of Justice)."""

from spiders.templates.p8 import P8


class panjin_sfj(P8):
    """盘锦市司法局."""

    name = "panjin_sfj"
    agency = "盘锦市司法局"
    base_url = "http://sfj.panjin.gov.cn"
    channels = {
        "通知公告": "/zwgk/tzgg/",
        "政策文件": "/zwgk/zcwj/",
        "规划计划": "/zwgk/ghjh/",
        "政府信息公开年报": "/zwgk/zfxxgknb/",
        "行政执法公示": "/zwgk/xzzf/",
        "预决算信息": "/zwgk/ysxx/",
        "政策解读": "/zwgk/zcjd/",
    }
    browser_channels = ("行政执法公示",)  # its script signs what it asks
