"""Who is measured: nginx in two configurations, the bare epoll loop, and pith. Each
serves the same files on its CPU and answers for its process id and address."""

import os
import signal
import subprocess
import time

import world as w

NGINX = """
daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 20000;
pid {dir}/nginx.pid; error_log {dir}/error.log crit;
events {{ worker_connections 16384; use epoll; multi_accept on; }}
http {{
    access_log off; server_tokens off; etag on; gzip off; tcp_nodelay on;
    keepalive_requests 1000000000; keepalive_timeout 1h;
    open_file_cache max=1000 inactive=1h; open_file_cache_valid 1h;
    sendfile {sendfile}; tcp_nopush {nopush}; output_buffers {buffers};
    client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
    uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
    types {{ text/plain txt; application/octet-stream bin; }}
    server {{ listen {address}:80 backlog=4096; root {site}; }}
}}
"""


class Server:
    """A server that runs between __enter__ and __exit__."""

    name = address = namespace = ""

    def __init__(self, the_world, site, work):
        self.world, self.site, self.work = the_world, site, work

    def command(self):
        raise NotImplementedError

    def start(self):
        self.log = open(os.path.join(self.work, f"{self.name}.log"), "wb")
        self.process = subprocess.Popen(self.world.prefix(self.namespace) + self.command(), stdout=self.log,
                                        stderr=self.log, stdin=subprocess.DEVNULL)

    def __enter__(self):
        self.start()
        try:
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait(self):
        """Until it answers. The probe runs in the client's namespace."""
        probe = f"import socket; socket.create_connection(('{self.address}', 80), 1)"
        for _ in range(40):
            if self.process.poll() is not None:
                break
            try:
                self.world.in_client("python3", "-c", probe, timeout=5)
                return
            except (RuntimeError, subprocess.TimeoutExpired):
                time.sleep(0.05)
        with open(self.log.name, encoding="utf-8", errors="replace") as f:
            raise RuntimeError(f"{self.name} does not answer: {f.read()[-500:].strip()}")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    @property
    def pid(self):
        return self.process.pid  # `ip netns exec` and taskset become the server (exec)

    def memory_kib(self):
        """Resident memory, and how much of it is nobody else's."""
        found = {}
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            for line in f:
                if line.startswith(("VmRSS:", "RssAnon:")):
                    found[line.split(":")[0]] = int(line.split()[1])
        return {"rss_kib": found["VmRSS"], "anonymous_kib": found["RssAnon"]}


class Nginx(Server):
    sendfile, nopush, buffers = "off", "off", "2 512k"
    address = w.VETH_SERVER

    def command(self):
        folder = os.path.join(self.work, self.name)
        os.makedirs(folder, exist_ok=True)
        text = NGINX.format(dir=folder, sendfile=self.sendfile, nopush=self.nopush, buffers=self.buffers,
                            address=self.address, site=self.site)
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write("user root;" + text)
        return ["nginx", "-e", f"{folder}/start.log", "-p", folder, "-c", path]

    @property
    def namespace(self):
        return self.world.server


class NginxWrite(Nginx):
    """Files through its own buffers: best for small ones."""
    name = "nginx"


class NginxSendfile(Nginx):
    """Files straight from the page cache: best for large ones on some kernels."""
    name = "nginx-sendfile"
    sendfile, nopush = "on", "on"


class Epoll(Server):
    """The least a Linux socket server can do: one fixed 1 KiB answer."""
    name, address = "epoll", w.VETH_SERVER

    @property
    def namespace(self):
        return self.world.server

    def command(self):
        return ["build/bench/epoll", "80"]


class Pith(Server):
    name, address = "pith", w.TAP_SERVER
    image, arguments = "web", []

    @property
    def namespace(self):
        return self.world.client

    def command(self):
        data = [self.site] if self.image == "web" else []
        return ["build/pith", "run", self.image, *data, "--net", f"tap:{self.world.tap}",
                "--ip", f"{self.address}/24", *self.arguments]


class PithKvm(Pith):
    """The same image in a virtual machine."""
    name, arguments = "pith, kvm", ["--host=kvm"]


def hosts(kind, in_vm):
    """Pith's on its hosts, as far as this machine has them."""
    return [kind, in_vm] if os.access("/dev/kvm", os.R_OK | os.W_OK) else [kind]
