"""Every setting of a crawl on one page, each with its unit and reason.

Scrapy reads this module; ``-s NAME=VALUE`` overrides any of it for one run. Settings that start with ``GOVCRAWL_`` are this
project's own and may also be given as environment variables of the same name.
"""

from __future__ import annotations

import os

BOT_NAME = "govcrawl"
SPIDER_MODULES = ["spiders"]
SPIDER_LOADER_CLASS = "govcrawl.loader.AgencyLoader"  # lists file names; imports the one agency that is crawled
GOVCRAWL_SPIDERS = os.environ.get(
    "GOVCRAWL_SPIDERS", ""
)  # folder of agencies of one's own, beside those of the project
NEWSPIDER_MODULE = "spiders"
COMMANDS_MODULE = "govcrawl.commands"

# --- where things lie -------------------------------------------------------------------------------------------------

GOVCRAWL_DATA = os.environ.get(
    "GOVCRAWL_DATA", "data"
)  # directory of catalog.db and warc/; relative to where you stand
GOVCRAWL_LEASE_SECONDS = (
    180.0  # recrawl on several machines: what a group waits for at most where its machine died; over 30
)
GOVCRAWL_STATE = ""  # folder of what this machine remembers of servers, for all crawls; empty: ~/.local/state/govcrawl
GOVCRAWL_CONNECT_TO = os.environ.get("GOVCRAWL_CONNECT_TO", "")  # HOST:PORT:HOST2:PORT2 …, as curl --connect-to
GOVCRAWL_CONTACT = os.environ.get("GOVCRAWL_CONTACT", "")  # URL or mail address: whom a site's operator can ask
GOVCRAWL_BROWSER = os.environ.get("GOVCRAWL_BROWSER", "")  # Chromium, Chrome or Edge; empty: looked for when needed
GOVCRAWL_DEMO = False  # marks the captures of this crawl as demonstration data in warcinfo
GOVCRAWL_WORKSHOP = None  # set in code: what several crawls of one process share; None: a crawl opens its own
GOVCRAWL_WARC_MAX_BYTES = 1_000_000_000  # a WARC file is closed once it is longer; 1 GB is the custom of web archives

# --- who we are: the User-Agent names the software and a contact, see DisclosureSpider.update_settings -----------------

USER_AGENT = None  # None: "govcrawl/VERSION (+CONTACT)"
ROBOTSTXT_OBEY = True

# --- the pace: one request at a time per server group, one second apart, all processes of the machine together; a longer
# --- Crawl-delay, Request-rate or Retry-After holds in any case -----------------------------------------------------------

DOWNLOAD_DELAY = 1.0  # seconds between the starts of two requests to a server group; 0 lifts the pace
DOWNLOAD_DELAY_JITTER = 0  # an exact pace can be shown afterwards; a random one cannot
CONCURRENT_REQUESTS = 16  # in all; groups are bounded each on their own
CONCURRENT_REQUESTS_PER_DOMAIN = 8  # holds only where DOWNLOAD_DELAY is 0; otherwise 1
CONCURRENT_ITEMS = 1  # spiders yield requests only; Scrapy starts this many tasks for every single response
AUTOTHROTTLE_ENABLED = False  # knows latency only, neither Crawl-delay nor Retry-After
GOVCRAWL_MAX_WAIT_SECONDS = 600.0  # a Retry-After longer than this is not waited for: the crawl says so and ends
GOVCRAWL_BACKOFF_SECONDS = 5.0  # first wait after a 429 or 503 without Retry-After; doubles each time, to a day at most
GOVCRAWL_SERVER_GROUPS = os.environ.get(
    "GOVCRAWL_SERVER_GROUPS", ""
)  # NAME=HOST,HOST;…: one server; else the address decides
GOVCRAWL_DAILY_REQUESTS = os.environ.get("GOVCRAWL_DAILY_REQUESTS") or 0  # per group and day in China; 0: no bound
GOVCRAWL_DAILY_BYTES = os.environ.get("GOVCRAWL_DAILY_BYTES") or 0  # received, per group and day; 0: no bound
GOVCRAWL_WINDOW = os.environ.get(
    "GOVCRAWL_WINDOW", ""
)  # e.g. 22:00-06:00 in China's time: nothing is sent outside of it
GOVCRAWL_AUDIT_DAYS = 90  # each request is kept in the audit for so long, the highest rates for ever

# --- limits -----------------------------------------------------------------------------------------------------------

DOWNLOAD_TIMEOUT = 120.0  # seconds; agency sites are slow at times, dead ones must not hold a crawl for ever; of a file: without a single byte
GOVCRAWL_FILE_SECONDS = 3600.0  # a file may take this long while bytes keep coming: 200 MB at 60 KB/s
GOVCRAWL_LARGE_AT_ONCE = 2  # files over 8 MiB that come in side by side; others wait with their connection paused
GOVCRAWL_PAGE_MAX_BYTES = (
    32 * 1024 * 1024
)  # a longer page is archived whole and not read; of files just the first MiB is in memory
DOWNLOAD_MAXSIZE = 256 * 1024 * 1024  # bytes; a larger body is kept as a prefix (WARC-Truncated: length)
DOWNLOAD_WARNSIZE = 64 * 1024 * 1024
GOVCRAWL_BROWSER_MAX_BYTES = 32 * 1024 * 1024  # of one answer in a browser: it crosses a pipe as one message there
DOWNLOAD_FAIL_ON_DATALOSS = True  # a cut page is retried, never read
RETRY_TIMES = 2  # after the first attempt
RETRY_HTTP_CODES = [408, 429, 500, 502, 503, 504, 522, 524]
REDIRECT_MAX_TIMES = 10
METAREFRESH_ENABLED = False  # a refresh to the parent is how a withdrawn page answers: it is read, not followed
GOVCRAWL_RESUME_DAYS = (
    2.0  # an interrupted crawl goes on where it stood for so long; later the lists have shifted too far
)
DEPTH_LIMIT = 0  # lists are walked to their end; traps are avoided by following nothing but list entries and next pages
GOVCRAWL_MAX_LIST_PAGES = 2000  # per channel and crawl: a list that never ends is reported, not walked for ever

# --- rounds: govcrawl recrawl --due ------------------------------------------------------------------------------------

GOVCRAWL_EVERY_HOURS = float(
    os.environ.get("GOVCRAWL_EVERY_HOURS") or 24
)  # between two crawls of an agency that does not say otherwise (every_hours): new documents are found within a day

# --- walls (docs/guard.md) --------------------------------------------------------------------------------------------

GOVCRAWL_CONTROL_SECONDS = 600.0  # how long what a host answered to a control request holds
GOVCRAWL_BREAKER_BLOCKS = (
    3  # signed blocks in one crawl after which the server, not the document, is taken to be the reason
)
GOVCRAWL_BREAKER_SECONDS = 3600.0  # how long a server that walls is left alone at first; doubles each time, up to a day

# --- how often what is looked at again: docs/recrawl.md; an agency overrides them by its attribute ``recrawl`` -----------

GOVCRAWL_SWEEP_DAYS = 7.0  # every list is walked to its end once in so many days
GOVCRAWL_UNCOUNTED_SWEEP_DAYS = (
    5.0  # … one that prints no count (共 N 条): nothing else shows what changed further down
)
GOVCRAWL_UNCOUNTED_HEAD = 0.125  # … and this share of its pages at every crawl: few lines are dated back by years
GOVCRAWL_CYCLE_DAYS = (
    30.0  # every known document is looked at once in so many days; 0: no such bound, far fewer requests
)
GOVCRAWL_PROBES_PER_DAY = 45.0  # further looks a day, at most, at documents whose change is worth most to find
GOVCRAWL_PROBES_SHARE = 0.01  # … and at most this share of the known documents a day: a small agency is not asked more
GOVCRAWL_SUSPECTED_DAYS = 1.0  # a document that was gone is looked at again after so many days
GOVCRAWL_WITHDRAWN_FAILURES = 3  # so many looks in a row have to find it gone …
GOVCRAWL_WITHDRAWN_DAYS = 14  # … over so many days at least, until it counts as withdrawn: repairs and moves take days
GOVCRAWL_RESTORED_DAYS = 30.0  # a withdrawn document is looked at once in so many days: some come back

# --- reading ----------------------------------------------------------------------------------------------------------

GOVCRAWL_READERS = 0  # processes that read documents; 0: one per core
GOVCRAWL_READ_SECONDS = 60.0  # one document may take this long; a hostile page is given up, not waited for
GOVCRAWL_READER_MEMORY_BYTES = 2 * 1024**3  # address space of one reader process

GOVCRAWL_TEXTS = True  # the text of attachments is read beside the crawl; False leaves it to `govcrawl attachments`
GOVCRAWL_TEXT_SECONDS = 30.0  # one attachment may take this long; a hostile file is given up, not waited for
GOVCRAWL_TEXT_WAIT_SECONDS = 300.0  # a crawl's end waits so long for texts; the next crawl reads what is left

# --- who is told of a verdict: docs/monitoring.md -----------------------------------------------------------------------

GOVCRAWL_NOTIFY_COMMAND = os.environ.get(
    "GOVCRAWL_NOTIFY_COMMAND", ""
)  # a program and its arguments; JSON on its stdin
GOVCRAWL_NOTIFY_WEBHOOK = os.environ.get(
    "GOVCRAWL_NOTIFY_WEBHOOK", ""
)  # https, or http on this machine; JSON is posted
GOVCRAWL_NOTIFY_ON = os.environ.get("GOVCRAWL_NOTIFY_ON", "alarm")  # alarm, warning, change or always
GOVCRAWL_NOTIFY_SECONDS = 20.0  # each may take so long; a crawl's end must not hang on somebody else's server
GOVCRAWL_NOTIFY_AGAIN_DAYS = 7.0  # an alarm that stays is told again after so many days

# --- cookies are on: some sites answer an empty page to a client without the home page's cookie -------------------------

COOKIES_ENABLED = True

# --- what must not listen or remember ---------------------------------------------------------------------------------

TELNETCONSOLE_ENABLED = False  # open surface: a console that executes code
REMOTE_CONTROL_ENABLED = False  # the same over HTTP, on by default since Scrapy 2.19
HTTPCACHE_ENABLED = False  # hides changes for weeks and would be archived as if it came over the wire

# --- the parts --------------------------------------------------------------------------------------------------------

DOWNLOAD_HANDLERS = {
    "http": "govcrawl.browser.BrowserDownloadHandler",
    "https": "govcrawl.browser.BrowserDownloadHandler",
    "ftp": None,
    "s3": None,
}
EXTENSIONS = {
    "govcrawl.session.Session": 0,
    "govcrawl.monitors.Progress": 10,
    "scrapy.extensions.feedexport.FeedExporter": None,  # spiders yield no items: documents go into the catalog
    # what is off anyway, or has nothing to do here: each would be loaded for each of thousands of crawls
    "scrapy.extensions.telnet.TelnetConsole": None,
    "scrapy.extensions.remote_control.RemoteControl": None,
    "scrapy.extensions.throttle.AutoThrottle": None,
    "scrapy.extensions.spiderstate.SpiderState": None,
    "scrapy.extensions.memdebug.MemoryDebugger": None,
}
SPIDER_MIDDLEWARES = {  # what has nothing to do where pages lead to rows of the frontier, not to requests
    "scrapy.spidermiddlewares.referer.RefererMiddleware": None,
    "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,  # drops a request without telling its crawl
    "scrapy.spidermiddlewares.metacopy.MetaCopyDetectionMiddleware": None,
}
DOWNLOADER_MIDDLEWARES = {
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,  # nothing is logged in to
    "scrapy.downloadermiddlewares.stats.DownloaderStats": None,  # the crawl's row counts what was archived
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "govcrawl.stored.StoredAnswers": 80,
    "govcrawl.middlewares.OnSiteMiddleware": 90,
    "govcrawl.robots.RobotsMiddleware": 100,
    "govcrawl.middlewares.ServerGroupMiddleware": 110,
    "scrapy.downloadermiddlewares.cookies.CookiesMiddleware": None,
    "govcrawl.middlewares.OfflineCookiesMiddleware": 700,
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": None,
    "govcrawl.middlewares.DecodingMiddleware": 590,
    "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": None,
    "govcrawl.middlewares.PlainRedirectMiddleware": 600,
    "scrapy.downloadermiddlewares.redirect.MetaRefreshMiddleware": None,  # METAREFRESH_ENABLED says why
    "scrapy.downloadermiddlewares.httpcache.HttpCacheMiddleware": None,
    "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
    "govcrawl.middlewares.PatientRetryMiddleware": 550,
    "govcrawl.middlewares.HomeFirstMiddleware": 560,
}

# --- the log: what happened to the archive, not what the engine is made of ----------------------------------------------

LOG_LEVEL = "INFO"
LOG_VERSIONS: list[str] = []  # the WARC file's first record names them
STATS_DUMP = False  # the summary and the crawl's row hold what counts
LOGSTATS_INTERVAL = 0  # govcrawl.monitors shows progress
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LOG_DATEFORMAT = "%Y-%m-%d %H:%M:%S"
