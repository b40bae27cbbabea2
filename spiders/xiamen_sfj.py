"""厦门市司法局 (Xiamen Municipal Bureau of Justice)."""

from spiders.templates.trt import FujianTrt


class xiamen_sfj(FujianTrt):
    """厦门市司法局."""

    name = "xiamen_sfj"
    agency = "厦门市司法局"
    base_url = "http://sf.xm.gov.cn"
    channels = {
        "公告公示": "/zwgk/gsgg/",
        "规划计划": "/zwgk/ghjh/",
        "政策法规": "/zwgk/zcfg/",
        "政策解读": "/zwgk/zcjd/",
        "财政信息": "/zwgk/czxx/",
        "行政处罚": "/zwgk/xzcf/",
        "政府信息公开年度报告": "/zwgk/zfxxgk/zfxxgknb/",
        "法定主动公开内容": "/zwgk/zfxxgk/fdzdgknr/",
    }
