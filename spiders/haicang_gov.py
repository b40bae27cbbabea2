"""厦门市海沧区人民政府 (Haicang District People's Government, Xiamen)."""

from spiders.templates.trs import TrsWcm


class haicang_gov(TrsWcm):
    """厦门市海沧区人民政府."""

    name = "haicang_gov"
    agency = "厦门市海沧区人民政府"
    base_url = "http://www.haicang.gov.cn"
    rows = "div.hc15_xx_list li"
    channels = {
        "通知公告": "/xx/zwgk/tzgg/",
        "政府文件": "/xx/zwgk/zfwj/",
        "政策解读": "/xx/zwgk/zcjd/",
        "政府信息公开年度报告": "/xx/zwgk/ndbg/",
        "财政资金": "/xx/zdxxgk/czzj/",
        "规划计划": "/xx/zdxxgk/jbxxgk/ghjh/",
    }
