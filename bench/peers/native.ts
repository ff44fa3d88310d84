import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, firstLine } from '../machine.ts'
import { type Peer, type PeerSetting, usersPath } from './peer.ts'

const nginxConfig = ({ port, upstreamPort, folder }: PeerSetting): string => `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log ${folder}/access.log;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 1000000000;
  upstream users { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location /api/users/ {
      proxy_pass http://users;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }
}
`

const haproxyConfig = ({ port, upstreamPort }: PeerSetting): string => `
global
  nbthread 1
  maxconn 4096
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option forwardfor
  timeout connect 2s
  timeout client 60s
  timeout server 5s
frontend main
  bind 127.0.0.1:${port}
  use_backend users if { path_beg /api/users/ }
backend users
  server one 127.0.0.1:${upstreamPort}
`

const caddyConfig = ({ port, upstreamPort, folder }: PeerSetting): string => `
{
  admin off
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
  log {
    output file ${folder}/access.log {
      roll_disabled
    }
  }
  handle /api/users/* {
    reverse_proxy 127.0.0.1:${upstreamPort}
  }
}
`

const native = (
  name: string,
  description: string,
  versionArgs: readonly string[],
  config: (setting: PeerSetting) => string,
  args: (file: string, folder: string) => readonly string[],
  env: Readonly<Record<string, string>> = {},
): Peer => ({
  name,
  description,
  path: usersPath,
  version() {
    const program = findProgram(name)
    return program === undefined ? undefined : firstLine(program, versionArgs)
  },
  prepare(setting) {
    const file = join(setting.folder, `${name}.conf`)
    writeFileSync(file, config(setting))
    const home = { HOME: setting.folder, XDG_DATA_HOME: setting.folder, XDG_CONFIG_HOME: setting.folder }
    return { command: findProgram(name) ?? name, args: args(file, setting.folder), env: { ...home, ...env } }
  },
})

export const nativePeers: readonly Peer[] = [
  native('nginx', 'one worker, `proxy_pass` with upstream keep-alive, access log to a file', ['-v'], nginxConfig, (file, folder) => [
    '-p',
    folder,
    '-e',
    'stderr',
    '-c',
    file,
  ]),
  native('haproxy', 'one thread, HTTP log to a file', ['-v'], haproxyConfig, (file) => ['-db', '-f', file]),
  native(
    'caddy',
    '`reverse_proxy`, access log to a file, GOMAXPROCS=1',
    ['version'],
    caddyConfig,
    (file) => ['run', '--adapter', 'caddyfile', '--config', file],
    { GOMAXPROCS: '1' },
  ),
]
