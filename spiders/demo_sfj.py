"""云岭市司法局, a fictional agency on a reserved host name: what ``govcrawl demo`` crawls (示例数据)."""

from spiders.templates.trt import FujianTrt


class demo_sfj(FujianTrt):
    """云岭市司法局 (示例数据)."""

    name = "demo_sfj"
    agency = "云岭市司法局"
    base_url = "http://sfj.yunling.example"
    channels = {
        "公告公示": "/zwgk/gsgg/",
        "政策文件": "/zwgk/zcwj/",
        "规划计划": "/zwgk/ghjh/",
        "财政信息": "/zwgk/czxx/",
    }
