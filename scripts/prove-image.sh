#!/usr/bin/env bash
# Builds the image from the Dockerfile and checks what docs/image.md says about it. Needs no registry of images: the base is
# made from this machine's own Node 24, npm and C library. Removes what it made.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
umask 022

usage() {
  cat <<'TEXT'
usage: scripts/prove-image.sh [--offline]

  --offline    npm inside the build takes every package from this machine's npm cache (fill it with `npm ci`)
  NODE_IMAGE   environment: a base image to pull instead of the one made here, in any transport buildah knows

exit codes: 0 proven, 1 not proven, 2 wrong usage, 77 not run: something it needs is missing
TEXT
}

offline=false
case "${1-}" in
  '') ;;
  --offline) offline=true ;;
  --help) usage && exit ;;
  *) usage >&2 && exit 2 ;;
esac

fail() {
  printf 'NOT PROVEN: %s\n' "$*" >&2
  exit 1
}
not_run() {
  printf 'not run: %s\n' "$*" >&2
  exit 77
}
proven() { printf 'proven  %s\n' "$*"; }
# is WHAT EXPECTED ACTUAL
is() {
  [[ $3 == "$2" ]] || fail "$1: expected \"$2\", got \"$3\""
  proven "$1"
}
# says WHAT PATTERN TEXT
says() {
  grep -qE -- "$2" <<<"$3" || fail "$1: nothing matches \"$2\" in: $3"
  proven "$1"
}

# --- the machine -----------------------------------------------------------------------------------------------------

# runc first: crun refuses a machine with hybrid cgroups.
runtime=$(command -v runc || command -v crun || true)
if ! command -v buildah >/dev/null || ! command -v podman >/dev/null || [[ -z $runtime ]]; then
  not_run 'buildah, podman and runc are needed (a Docker daemon is not used):' \
    'apt-get install --no-install-recommends buildah podman runc'
fi
((EUID == 0)) || not_run 'it mounts and makes containers, and so has to be root'
[[ -d node_modules ]] || not_run 'run npm ci first: its Node 24 becomes the base image'

work=$(mktemp -d -t ghostwire-image.XXXXXX)
# Cache mounts and unfinished layers go where they are cleaned up; this machine's container settings are not used.
export TMPDIR=$work/tmp CONTAINERS_STORAGE_CONF=$work/storage.conf CONTAINERS_CONF=$work/containers.conf
mkdir "$TMPDIR"
cat >"$CONTAINERS_STORAGE_CONF" <<TEXT
[storage]
driver = "vfs"
graphroot = "$work/store"
runroot = "$work/run"
TEXT
: >"$CONTAINERS_CONF"
store=(--root "$work/store" --runroot "$work/run" --storage-driver vfs)

podman() {
  command podman "${store[@]}" --tmpdir "$work/libpod" --network-config-dir "$work/networks" \
    --runtime "$runtime" --cgroup-manager cgroupfs "$@"
}
buildah() { command buildah "${store[@]}" "$@"; }

clean_up() {
  podman rm --all --force --time 0 >/dev/null 2>&1 || true
  buildah rm --all >/dev/null 2>&1 || true
  # A run that was interrupted can leave mounts, and every run its empty control groups.
  awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount --lazy || true
  find /sys/fs/cgroup -depth -type d -path "*/${work##*/}*" -exec rmdir {} + 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# --- the base --------------------------------------------------------------------------------------------------------

# Node, npm, a shell for npm's scripts, and the libraries they load: what the official image has, without its Debian.
make_base() {
  local root=$work/base node npm file
  node=$(npm exec --no -- node -p process.execPath 2>/dev/null)
  npm=$(npm root -g 2>/dev/null)/npm
  [[ $("$node" -p 'parseInt(process.versions.node)') -ge 24 ]] || fail "Node 24 is needed, $node is older"
  [[ -d $npm ]] || fail "no npm in $npm"

  mkdir -p "$root"/{bin,etc,proc,root,sys,tmp,usr/bin,usr/local/bin,usr/local/lib/node_modules}
  chmod 1777 "$root/tmp"
  cp -L /bin/sh "$root/bin/sh"
  cp -L /bin/rm "$root/bin/rm"
  cp -L /usr/bin/env "$root/usr/bin/env"
  cp -L "$node" "$root/usr/local/bin/node"
  cp -RL "$npm" "$root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  # Stand-ins for the other package managers of the official image, where it has them.
  mkdir -p "$root"/usr/local/lib/node_modules/corepack "$root"/opt/yarn-v1.22.22/bin
  for file in "$root"/usr/local/lib/node_modules/corepack/index.js "$root"/opt/yarn-v1.22.22/bin/yarn; do
    printf '#!/bin/sh\n' >"$file"
  done
  ln -s ../lib/node_modules/corepack/index.js "$root/usr/local/bin/corepack"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
  ln -s /opt/yarn-v1.22.22/bin/yarn "$root/usr/local/bin/yarn"
  ln -s /opt/yarn-v1.22.22/bin/yarn "$root/usr/local/bin/yarnpkg"
  ldd /bin/sh /bin/rm /usr/bin/env "$node" | grep -oE '/[^ ]+\.so[^ :]*' | sort -u | while read -r file; do
    cp -L --parents "$file" "$root"
  done
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  printf 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/tmp:/bin/sh\n' >"$root/etc/passwd"

  local container
  container=$(buildah from scratch)
  buildah copy --quiet --chown 0:0 "$container" "$root" / >/dev/null
  # Entry point and command as in the official image, for ours to replace.
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --entrypoint '["docker-entrypoint.sh"]' --cmd node "$container"
  buildah commit --quiet "$container"
}

SECONDS=0
if [[ -n ${NODE_IMAGE-} ]]; then
  base=$(buildah pull --quiet "$NODE_IMAGE")
else
  base=$(make_base)
fi

# --- the build -------------------------------------------------------------------------------------------------------

# The build gets this machine's npm settings (registry, credentials, proxies) as secrets.
build=(--build-arg "NODE_IMAGE=$base" --secret "id=npmrc,src=$work/npmrc")
userconfig=$(npm config get userconfig 2>/dev/null)
{
  [[ ! -f $userconfig ]] || grep -E '^(//|@|(https?-)?proxy *=|noproxy *=)' "$userconfig" || true
  echo "registry=$(npm config get registry 2>/dev/null)"
} >"$work/npmrc"

for file in "${NODE_EXTRA_CA_CERTS-}" "$(npm config get cafile 2>/dev/null)"; do
  [[ ! -f $file ]] || cat "$file" >>"$work/ca"
done
if [[ -s $work/ca ]]; then
  # npm then trusts only these certificates, so Node's own are added.
  npm exec --no -- node -p 'tls.rootCertificates.join("\n")' 2>/dev/null >>"$work/ca"
  echo 'cafile=/run/secrets/ca' >>"$work/npmrc"
  build+=(--secret "id=ca,src=$work/ca")
fi

if [[ $offline == true ]]; then
  cache=$(npm config get cache 2>/dev/null)
  [[ -d $cache/_cacache ]] || fail "--offline: there is no npm cache in $cache; run npm ci once"
  # A copy, because npm rewrites the index even if it only reads.
  mkdir "$work/npm-cache"
  cp -R --reflink=auto "$cache/_cacache" "$work/npm-cache/"
  printf 'offline=true\ncache=/npm-cache\n' >>"$work/npmrc"
  build+=(--volume "$work/npm-cache:/npm-cache")
fi

version=$(npm pkg get version 2>/dev/null | tr -d '"')
buildah bud --pull-never --isolation chroot --build-arg "VERSION=$version" "${build[@]}" \
  --tag localhost/ghostwire-gateway:proof . >"$work/build.log" 2>&1 || {
  cat "$work/build.log" >&2
  ! grep -q 'npm error code E' "$work/build.log" ||
    echo 'no registry in reach of the build? fill the npm cache with npm ci, then add --offline' >&2
  fail 'the image does not build'
}
image=localhost/ghostwire-gateway:proof
proven "the Dockerfile builds (${SECONDS} s with the base)"

# --- what is in it ---------------------------------------------------------------------------------------------------

inspect() { podman image inspect --format "$1" "$image"; }
is 'the user is numeric' 65532:65532 "$(inspect '{{.Config.User}}')"
is 'the entry point is Node itself, and the command of the base is gone' \
  '["node","--enable-source-maps","dist/main.js"] []' \
  "$(inspect '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' | sed 's/null/[]/')"
is 'the ports are 8080 and 9090' 'map[8080/tcp:{} 9090/tcp:{}]' "$(inspect '{{.Config.ExposedPorts}}')"
is 'the labels name title, licence and version' "Ghostwire Gateway, Apache-2.0, $version" \
  "$(inspect '{{index .Labels "org.opencontainers.image.title"}}, {{index .Labels "org.opencontainers.image.licenses"}}, {{index .Labels "org.opencontainers.image.version"}}')"
says 'it runs as production' NODE_ENV=production "$(inspect '{{.Config.Env}}')"

changed=$(podman diff "$image")
is 'it adds nothing to its base outside /app: no npm settings, no secret, no cache' 'A /app' \
  "$(awk '$2 !~ "^/app/"' <<<"$changed")"

# The strictest settings that a cluster can require, and no shell. The limits are given because the defaults ask for more than a
# restricted machine allows.
locked=(--pull never --network none --cgroup-parent "/${work##*/}"
  --read-only --read-only-tmpfs=false --cap-drop all --security-opt no-new-privileges
  --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --volume /dev/null:/bin/sh:ro)

found=$(podman run --rm --interactive "${locked[@]}" --entrypoint node "$image" --input-type=module --eval "$(
  cat <<'JS'
import { readFileSync, readdirSync } from 'node:fs'
import { posix } from 'node:path'
const { packages } = JSON.parse(readFileSync(0, 'utf8'))
const files = readdirSync('/app', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => posix.relative('/app', posix.join(entry.parentPath, entry.name)))

const top = readdirSync('/app').sort().join(' ')
if (top !== 'LICENSE dist node_modules package.json') console.log('/app holds', top)

const wanted = Object.entries(packages)
  .filter(([path, { dev, optional, devOptional }]) => path !== '' && !(dev || optional || devOptional))
  .map(([path]) => path)
const installed = files
  .filter((file) => /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(file))
  .map((file) => posix.dirname(file))
for (const path of new Set(installed).difference(new Set(wanted))) console.log('not of production:', path)
for (const path of new Set(wanted).difference(new Set(installed))) console.log('missing:', path)

const own = files.filter((file) => file.startsWith('dist/'))
for (const file of own) if (!/\.(js|js\.map|d\.ts)$|^dist\/panel\/panel\.css$/.test(file) || /\/(test|demo)\/|\.test\./.test(file)) console.log('in dist/:', file)
for (const file of own.filter((name) => name.endsWith('.map'))) {
  const { sources, sourcesContent } = JSON.parse(readFileSync(`/app/${file}`, 'utf8'))
  const outside = sources.map((name) => posix.join('/app', posix.dirname(file), name)).filter((name) => !name.startsWith('/app/src/'))
  if (outside.length > 0 || sourcesContent !== undefined) console.log('source map:', file, ...outside)
}
console.log(`${own.filter((file) => file.endsWith('.js')).length} modules, ${installed.length} packages`)
JS
)" <package-lock.json)
says "no development package, no test, no source text ($found)" '^[1-9][0-9]* modules, [1-9][0-9]* packages$' \
  "$(head -1 <<<"$found")"

managers=$(podman run --rm "${locked[@]}" --entrypoint node "$image" --input-type=module --eval "$(
  cat <<'JS'
import { readdirSync } from 'node:fs'
const NAMES = /^(npm|npx|corepack|yarn|yarnpkg|pnpm|yarn-.*)$/
const folders = [...process.env.PATH.split(':'), '/usr/local/lib/node_modules', '/usr/lib/node_modules', '/opt']
for (const folder of folders) {
  let names = []
  try {
    names = readdirSync(folder)
  } catch {
    // Not in this base.
  }
  for (const name of names) if (NAMES.test(name)) console.log(`${folder}/${name}`)
}
JS
)")
is 'no package manager is in it: no npm, no corepack, no yarn' '' "$managers"

# --- how it runs -----------------------------------------------------------------------------------------------------

confinement="$(
  cat <<'JS'
import { readFileSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
const status = readFileSync('/proc/self/status', 'utf8')
const field = (name) => status.match(new RegExp(`^${name}:\\s*(.*)$`, 'm'))[1].split(/\s+/)[0]
const write = (path) => {
  try {
    writeFileSync(path, '')
    return 'written'
  } catch (error) {
    return error.code
  }
}
console.log('ids', process.getuid(), process.getgid(), process.getgroups().join())
console.log('capabilities', field('CapEff'), field('CapPrm'), field('CapBnd'), 'no new privileges', field('NoNewPrivs'))
console.log('write', ['/x', '/tmp/x', '/app/x', '/app/dist/main.js'].map(write).join(' '))
console.log('shell', spawnSync('/bin/sh', ['-c', 'true']).error?.code ?? 'runs')
JS
)"
facts=$(podman run --rm "${locked[@]}" --entrypoint node "$image" --input-type=module --eval "$confinement")
says 'it runs as 65532:65532, as the image says' '^ids 65532 65532( 65532)?$' "$facts"
says 'it holds no capability and can gain none' '^capabilities 0+ 0+ 0+ no new privileges 1$' "$facts"
says 'its root file system is read-only' '^write EROFS EROFS EROFS EROFS$' "$facts"
says 'no shell can be run' '^shell (EACCES|ENOENT)$' "$facts"
facts=$(podman run --rm "${locked[@]}" --read-only=false --entrypoint node "$image" --input-type=module --eval "$confinement")
says 'on a writable root file system it still cannot change its own code' '^write EACCES [^ ]+ EACCES EACCES$' "$facts"

is '--version' "$version" "$(podman run --rm "${locked[@]}" "$image" --version)"

secret=0123456789abcdef0123456789abcdef
settings=(
  --env GATEWAY_PUBLIC_URL=https://desk.example.com
  --env GATEWAY_OIDC_ISSUER=https://login.example.com
  --env GATEWAY_OIDC_CLIENT_ID=ghostwire
  --env "GATEWAY_SESSION_SECRET=$secret"
  --env GATEWAY_ALLOW_GROUPS=ops
  --env GATEWAY_DESKTOP_URL=http://desktop:6901
  --env GATEWAY_DRAIN_DELAY=1s
)
checked=$(podman run --rm "${locked[@]}" "${settings[@]}" "$image" --check-config 2>&1) || fail "--check-config: $checked"
says '--check-config accepts the least that is valid, and prints it' 'https://login\.example\.com' "$checked"
[[ $checked != *"$secret"* ]] || fail '--check-config prints the session secret'
proven '--check-config hides the secret'

code=0
checked=$(podman run --rm "${locked[@]}" --env GATEWAY_PUBLIC_URL=ftp://desk.example.com --env GATEWAY_LISTTEN=:80 \
  "$image" --check-config 2>&1) || code=$?
is '--check-config refuses what is wrong with 1' 1 "$code"
for name in GATEWAY_PUBLIC_URL GATEWAY_LISTTEN; do says "and names $name" "$name" "$checked"; done
code=0
checked=$(podman run --rm "${locked[@]}" "$image" --check-config 2>&1) || code=$?
is '--check-config refuses no settings at all with 1' 1 "$code"
for name in PUBLIC_URL OIDC_ISSUER OIDC_CLIENT_ID SESSION_SECRET DESKTOP_URL; do
  says "and names GATEWAY_$name" "GATEWAY_$name" "$checked"
done

podman run --detach --name gateway "${locked[@]}" "${settings[@]}" "$image" >/dev/null
ask() {
  podman exec gateway node --eval "fetch('http://127.0.0.1:$1').then(async (answer) =>
    console.log(answer.status, (await answer.text()).slice(0, 200)), (error) => console.log(error.cause?.code))"
}
answer=
for _ in {1..20}; do
  answer=$(ask 9090/healthz 2>&1) || true
  [[ $answer != 200* ]] || break
  sleep 0.5
done
[[ $answer == 200* ]] || fail "it does not answer /healthz ($answer): $(podman logs gateway 2>&1)"
proven 'started without provider and desktop in reach, it answers /healthz on the admin port with 200'
says 'and /readyz with 503, for it cannot sign anybody in yet' '^503 ' "$(ask 9090/readyz)"
says 'and refuses on the public port what has no session' '^(401|503) ' "$(ask 8080/)"

podman kill --signal TERM gateway >/dev/null
code=$(timeout 40 podman wait gateway) || fail "SIGTERM does not end it: $(podman logs gateway 2>&1)"
is 'SIGTERM ends it with 0' 0 "$code"
log=$(podman logs gateway 2>&1)
says 'after a drain, to the last line' '"stopped"' "$log"

base_size=$(podman image inspect --format '{{.Size}}' "$base")
size=$(inspect '{{.Size}}')
printf 'size    %d.%d MB over its base (%d MB here), %d s in all\n' \
  $(((size - base_size) / 1000000)) $(((size - base_size) / 100000 % 10)) $((base_size / 1000000)) "$SECONDS"
