import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, freePort, startChild, untilServing } from './child.ts'
import { findProgram, firstLine } from './machine.ts'

const bodyHead = '{"user":{"id":42,"name":"Example"},"padding":"'
const bodyTail = '"}'

/** What the upstream answers to every GET: 1 KiB of JSON. */
export const smallBody: string = `${bodyHead}${'x'.repeat(1024 - bodyHead.length - bodyTail.length)}${bodyTail}`

export interface Upstream {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly description: string
  stop(): Promise<void>
}

const nginxConfig = (port: number, folder: string): string => `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    default_type application/json;
    add_header cache-control no-store;
    location / { return 200 '${smallBody}'; }
  }
}
`

const serving = async (child: Child, port: number, description: string): Promise<Upstream> => {
  await untilServing(child, port, '/')
  return { port, pid: child.pid, url: `http://127.0.0.1:${port}`, description, stop: () => child.stop() }
}

/** The Node upstream, which also streams. */
export const nodeUpstream = async (folder: string, cpu: number | undefined): Promise<Upstream> => {
  const port = await freePort()
  const script = join(import.meta.dirname, 'upstream-node.ts')
  const child = startChild({ command: process.execPath, args: [script, String(port)] }, join(folder, 'upstream-node.log'), cpu)
  return serving(child, port, `node:http ${process.version}`)
}

/** nginx when it is installed, because it costs the shared core least; else the Node upstream. */
export const smallUpstream = async (folder: string, cpu: number | undefined): Promise<Upstream> => {
  const nginx = findProgram('nginx')
  if (nginx === undefined) return nodeUpstream(folder, cpu)
  const port = await freePort()
  const own = join(folder, 'upstream-nginx')
  mkdirSync(own, { recursive: true })
  const file = join(own, 'nginx.conf')
  writeFileSync(file, nginxConfig(port, own))
  const child = startChild({ command: nginx, args: ['-p', own, '-e', 'stderr', '-c', file] }, join(own, 'out.log'), cpu)
  return serving(child, port, firstLine(nginx, ['-v']).replace('nginx version: ', ''))
}
