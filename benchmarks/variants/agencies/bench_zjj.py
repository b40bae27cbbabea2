"""望岭市住房和城乡建设局 (invented)."""

from spiders.templates.trt import FujianTrt


class bench_zjj(FujianTrt):  # noqa: N801 - an agency's class bears the agency's name
    """望岭市住房和城乡建设局."""

    name = "bench_zjj"
    agency = "望岭市住房和城乡建设局"
    base_url = "http://bench.example"
    channels = {  # noqa: RUF012 - an agency's attributes are its declaration
        "公告公示": "/zwgk/gsgg/",
        "规划计划": "/zwgk/ghjh/",
        "政策法规": "/zwgk/zcfg/",
        "政策解读": "/zwgk/zcjd/",
        "财政信息": "/zwgk/czxx/",
        "行政处罚": "/zwgk/xzcf/",
    }
