#!/bin/sh
# Checks before an installation whether the cluster has what a release with these values needs. Changes nothing.
# docs/install-kubernetes.md shows its use. POSIX sh, kubectl and helm; curl for the provider.
#
# Templates of Go have variables of their own:
# shellcheck disable=SC2016

set -eu

usage() {
  cat <<'TEXT'
Usage: pre-flight-checks.sh --values FILE [options]

  -f, --values FILE      values of the release, as for helm; may be repeated
      --set KEY=VALUE    a value, as for helm; may be repeated
  -n, --namespace NAME   namespace of the release (default)
      --release NAME     name of the release (desk)
      --chart PATH       the chart (../chart from this script)
      --context NAME     context of kubectl
      --offline          do not ask DNS or the provider
      --json             print JSON
  -h, --help             print this

Levels: ok; warning: works, but not as safely as it could; unknown: cannot tell, check it yourself; failure: will not work.
Exit codes: 0 all ok, 1 a warning or an unknown, 2 a failure, 64 wrong usage.
TEXT
}

# Kubernetes 1.31 is the oldest in chart/Chart.yaml.
MIN_MINOR=31
MAX_CLOCK_DIFFERENCE=30 # seconds; the gateway tolerates that in tokens
TAB=$(printf '\t')
NEWLINE='
'

wrong_usage() {
  printf '%s Try --help.\n' "$1" >&2
  exit 64
}

namespace=default release=desk context='' offline=no json=no
chart=$(dirname "$0")/../chart
left=$#
while [ "$left" -gt 0 ]; do
  word=$1
  shift
  left=$((left - 1))
  case $word in
    -f | --values | --set | -n | --namespace | --release | --chart | --context)
      [ "$left" -gt 0 ] || wrong_usage "$word needs a value."
      case $word in
        -n | --namespace) namespace=$1 ;;
        --release) release=$1 ;;
        --chart) chart=$1 ;;
        --context) context=$1 ;;
        # What is left in "$@" in the end is for helm.
        *) set -- "$@" "$word" "$1" ;;
      esac
      shift
      left=$((left - 1))
      ;;
    --offline) offline=yes ;;
    --json) json=yes ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) wrong_usage "Unknown argument $word." ;;
  esac
done
[ $# -gt 0 ] || wrong_usage 'Name the values of the release with --values.'
for program in kubectl helm; do
  command -v "$program" >/dev/null || wrong_usage "$program is not on the PATH."
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
findings=$work/findings
: >"$findings"

# found LEVEL CHECK MESSAGE [WHAT TO DO]
found() {
  printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$(printf '%s' "$3" | tr '\n\t' '  ')" "${4:-}" >>"$findings"
}

kube() {
  kubectl "$@" --request-timeout=15s ${context:+"--context=$context"}
}

# ask CHECK WHAT kubectl-arguments: 0 and the answer in $answer; 1 if it is not there; 2 if nobody can tell, which it reports.
ask() {
  ask_check=$1 ask_what=$2
  shift 2
  if answer=$(kube "$@" 2>"$work/error"); then return 0; fi
  if grep -qi 'notfound\|not found\|could not find the requested resource\|have a resource type' "$work/error"; then return 1; fi
  found unknown "$ask_check" "cannot look at $ask_what: $(head -n 1 "$work/error")"
  return 2
}

# Documents of the release of one kind.
documents() {
  awk -v kind="$1" '
    function flush() { if (text ~ "(^|\n)kind: " kind "\n") printf "---\n%s", text; text = "" }
    /^---/ { flush(); next }
    { text = text $0 "\n" }
    END { flush() }' "$work/release.yaml"
}

# Objects of these kinds in the release, through a template of Go. Every cluster knows the kinds.
from_release() {
  documents "$1" >"$work/objects.yaml"
  [ -s "$work/objects.yaml" ] || return 0
  kube create --namespace="$namespace" --dry-run=client --validate=false --filename="$work/objects.yaml" --output="go-template=$2"
}

report() {
  for level in ok warning unknown failure; do
    ! grep -q "^$level$TAB" "$findings" || worst=$level
  done
  if [ "$json" = yes ]; then
    awk -F '\t' -v worst="$worst" '
      function text(value) { gsub(/\\/, "\\\\", value); gsub(/"/, "\\\"", value); gsub(/[[:cntrl:]]/, " ", value); return "\"" value "\"" }
      BEGIN { printf "{\"worst\":%s,\"findings\":[", text(worst) }
      { printf "%s{\"level\":%s,\"check\":%s,\"message\":%s", separator, text($1), text($2), text($3)
        if ($4 != "") printf ",\"fix\":%s", text($4)
        printf "}"; separator = "," }
      END { print "]}" }' "$findings"
  else
    awk -F '\t' '{ printf "%-8s %-16s %s\n", $1, $2, $3; if ($4 != "") printf "%-26s%s\n", "", $4 }' "$findings"
  fi
  case $worst in ok) exit 0 ;; failure) exit 2 ;; *) exit 1 ;; esac
}
worst=ok

# ------------------------------------------------------------------------------------------------------------ the values

if ! helm template "$release" "$chart" --namespace "$namespace" "$@" >"$work/release.yaml" 2>"$work/error"; then
  found failure values "the chart refuses them: $(sed 's/^Error: //' "$work/error" | tr -s ' \n' ' ')" 'Change the values that it names.'
  report
fi
found ok values "the chart accepts them"

# ----------------------------------------------------------------------------------------------------------- the cluster

if ! version=$(kube get --raw /version 2>"$work/error"); then
  found failure cluster "cannot reach it: $(head -n 1 "$work/error")" 'Check the context and the network (kubectl cluster-info).'
  report
fi
number() { printf '%s' "$version" | tr ',{' '[\n*]' | sed -n "s/.*\"$1\": *\"\([0-9]*\).*/\1/p" | head -n 1; }
major=$(number major) minor=$(number minor)
if [ -z "$major" ] || [ -z "$minor" ]; then
  found unknown cluster 'it does not say its version'
elif [ "$major" -eq 1 ] && [ "$minor" -lt "$MIN_MINOR" ]; then
  found failure cluster "Kubernetes $major.$minor is older than 1.$MIN_MINOR" "Upgrade the cluster."
else
  found ok cluster "Kubernetes $major.$minor"
fi

# Kinds of the release that the cluster does not serve.
awk '/^apiVersion:/ { api = $2 } /^kind:/ { print api, $2 }' "$work/release.yaml" | sort -u >"$work/kinds"
: >"$work/served"
while read -r api kind; do
  case $api in */*) path=/apis/$api ;; *) path=/api/$api ;; esac
  resources=$(kube get --raw "$path" 2>/dev/null </dev/null) || resources=''
  case $resources in
    *"\"kind\":\"$kind\""*) printf '%s\n' "$kind" >>"$work/served" ;;
    *)
      case $api in
        cert-manager.io/*) fix='Install cert-manager.' ;;
        gateway.networking.k8s.io/*) fix='Install the Gateway API and an implementation of it.' ;;
        monitoring.coreos.com/*) fix='Install the Prometheus Operator, or switch off servicemonitor.' ;;
        snapshot.storage.k8s.io/*) fix="Install the snapshot controller and its definitions, or switch off volumeSnapshot." ;;
        *) fix='' ;;
      esac
      found failure kinds "the cluster does not serve $kind ($api)" "$fix"
      ;;
  esac
done <"$work/kinds"
grep -q "${TAB}kinds$TAB" "$findings" || found ok kinds "the cluster serves all $(wc -l <"$work/kinds" | tr -d ' ')"
is_served() { grep -qx "$1" "$work/served"; }

# --------------------------------------------------------------------------------------------------------- the namespace

if ask namespace "the namespace $namespace" get namespace "$namespace" \
  --output='jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}'; then
  case $answer in
    restricted) found ok namespace "$namespace enforces the Pod Security level restricted" ;;
    '') found warning namespace "$namespace enforces no Pod Security level" 'See podSecurityStandards: the notes of the chart print the command.' ;;
    *) found warning namespace "$namespace enforces the Pod Security level $answer; all pods of the chart conform to restricted" "kubectl label namespace $namespace --overwrite pod-security.kubernetes.io/enforce=restricted" ;;
  esac
  if [ "$answer" = restricted ] && documents StatefulSet | grep -q 'linkerd.io/inject: enabled\|sidecar.istio.io/inject: "true"'; then
    found warning namespace 'the init container of a mesh needs NET_ADMIN, which restricted forbids' "Install the mesh with its CNI plugin."
  fi
elif [ $? -eq 1 ]; then
  found ok namespace "$namespace does not exist yet; helm creates it with --create-namespace"
fi

# ---------------------------------------------------------------------------------------------------------- the way in

if documents Ingress | grep -q .; then
  class=$(from_release Ingress '{{with .spec.ingressClassName}}{{.}}{{end}}')
  if [ -n "$class" ]; then
    if ask ingress "the IngressClass $class" get ingressclass "$class" --output=name; then
      found ok ingress "the IngressClass $class exists"
    elif [ $? -eq 1 ]; then
      found failure ingress "there is no IngressClass $class" 'Install an ingress controller, or change ingress.className.'
    fi
  elif ask ingress 'ingress classes' get ingressclasses \
    --output='jsonpath={range .items[*]}{.metadata.name}={.metadata.annotations.ingressclass\.kubernetes\.io/is-default-class}{"\n"}{end}'; then
    case $answer in
      '') found failure ingress 'there is no IngressClass' 'Install an ingress controller.' ;;
      *=true*) found ok ingress 'the cluster has a default IngressClass' ;;
      *"$NEWLINE"*) found failure ingress 'several ingress classes, and none is the default' 'Set ingress.className.' ;;
      *) found ok ingress "the only IngressClass is ${answer%=*}" ;;
    esac
  fi
fi

if is_served HTTPRoute && documents HTTPRoute | grep -q .; then
  from_release HTTPRoute '{{$home := .metadata.namespace}}{{range .spec.parentRefs}}{{with .kind}}{{.}}{{else}}Gateway{{end}} {{with .namespace}}{{.}}{{else}}{{$home}}{{end}} {{.name}}{{"\n"}}{{end}}' >"$work/parents"
  while read -r kind where name; do
    [ "$kind" = Gateway ] || continue
    if ask gateway-api "the Gateway $where/$name" get gateways.gateway.networking.k8s.io "$name" --namespace="$where" \
      --output='jsonpath={range .status.conditions[*]}{.type}={.status} {end}' </dev/null; then
      case $answer in
        *Programmed=True*) found ok gateway-api "the Gateway $where/$name is programmed" ;;
        *) found warning gateway-api "the Gateway $where/$name is not programmed" 'Is there an implementation for its GatewayClass?' ;;
      esac
    elif [ $? -eq 1 ]; then
      found failure gateway-api "there is no Gateway $where/$name" 'Create it, or change httpRoute.parentRefs.'
    fi
  done <"$work/parents"
fi

# ------------------------------------------------------------------------------------------------------- certificates

{
  from_release Ingress '{{with .metadata.annotations}}{{with index . "cert-manager.io/cluster-issuer"}}ClusterIssuer {{.}}{{"\n"}}{{end}}{{with index . "cert-manager.io/issuer"}}Issuer {{.}}{{"\n"}}{{end}}{{end}}'
  if is_served Certificate; then
    from_release Certificate '{{with .spec.issuerRef}}{{if eq .group "cert-manager.io"}}{{.kind}} {{.name}}{{"\n"}}{{end}}{{end}}'
  fi
} | sort -u >"$work/issuers"
while read -r kind name; do
  plural=$(printf '%ss.cert-manager.io' "$kind" | tr '[:upper:]' '[:lower:]')
  if ask issuer "the $kind $name" get "$plural" "$name" --namespace="$namespace" \
    --output='jsonpath={range .status.conditions[*]}{.type}={.status} {end}' </dev/null; then
    case $answer in
      *Ready=True*) found ok issuer "the $kind $name is ready" ;;
      *) found failure issuer "the $kind $name is not ready" "kubectl describe $plural $name" ;;
    esac
  elif [ $? -eq 1 ]; then
    found failure issuer "there is no $kind $name, or no cert-manager" 'Install cert-manager and create the issuer.'
  fi
done <"$work/issuers"

# ------------------------------------------------------------------------------------------------------------- storage

is_default_class='jsonpath={range .items[?(@.metadata.annotations.storageclass\.kubernetes\.io/is-default-class=="true")]}{.metadata.name}{"\n"}{end}'
from_release PersistentVolumeClaim '{{.metadata.name}} {{if .spec.storageClassName}}{{.spec.storageClassName}}{{else}}(default){{end}}{{"\n"}}' >"$work/claims"
class_of_home=''
while read -r claim class; do
  if [ "$class" = '(default)' ]; then
    if ask storage 'storage classes' get storageclasses "--output=$is_default_class" </dev/null; then
      if [ -n "$answer" ]; then
        class=$(printf '%s\n' "$answer" | head -n 1)
        found ok storage "$claim: the default StorageClass is $class"
      else
        found failure storage "$claim: the cluster has no default StorageClass" 'Set persistence.storageClass.'
      fi
    fi
  elif ask storage "the StorageClass $class" get storageclass "$class" --output=name </dev/null; then
    found ok storage "$claim: the StorageClass $class exists"
  elif [ $? -eq 1 ]; then
    found failure storage "$claim: there is no StorageClass $class" 'Change persistence.storageClass (sessionStore.sqlite.storageClass).'
  fi
  case $claim in *-desktop-home*) class_of_home=$class ;; esac
done <"$work/claims"

snapshot=$(from_release PersistentVolumeClaim '{{with .spec.dataSource}}{{.name}}{{end}}')
if [ -n "$snapshot" ]; then
  if ask snapshots "the VolumeSnapshot $snapshot" get volumesnapshots.snapshot.storage.k8s.io "$snapshot" --namespace="$namespace" \
    --output='jsonpath={.status.readyToUse}'; then
    case $answer in
      true) found ok snapshots "the VolumeSnapshot $snapshot is ready" ;;
      *) found failure snapshots "the VolumeSnapshot $snapshot is not ready" 'Wait for it, or change persistence.restoreFrom.' ;;
    esac
  elif [ $? -eq 1 ]; then
    found failure snapshots "there is no VolumeSnapshot $snapshot in $namespace" 'Change persistence.restoreFrom.'
  fi
fi

if documents CronJob | grep -q 'SNAPSHOT_CLAIM'; then
  if ask snapshots 'snapshot classes' get volumesnapshotclasses.snapshot.storage.k8s.io \
    --output='jsonpath={range .items[*]}{.driver}{"\n"}{end}'; then
    drivers=$answer
    if [ -z "$drivers" ]; then
      found failure snapshots 'there is no VolumeSnapshotClass' "Create one for the storage's driver."
    elif [ -z "$class_of_home" ] || [ "$class_of_home" = '(default)' ]; then
      found unknown snapshots "cannot tell whether a VolumeSnapshotClass is for the home directory's storage"
    elif ask snapshots "the StorageClass $class_of_home" get storageclass "$class_of_home" --output='jsonpath={.provisioner}'; then
      if printf '%s\n' "$drivers" | grep -qxF "$answer"; then
        found ok snapshots "a VolumeSnapshotClass is for $answer"
      else
        found failure snapshots "no VolumeSnapshotClass is for $answer, the driver of $class_of_home" 'Create one, or choose a StorageClass whose driver can make snapshots.'
      fi
    fi
  elif [ $? -eq 1 ]; then
    found failure snapshots 'the cluster has no snapshot controller' 'Install it with its definitions, or switch off volumeSnapshot.'
  fi
fi

# ----------------------------------------------------------------------------------- what somebody else has to bring

# Kind, name, key of what pods refer to.
references='
{{- define "pod" -}}
{{- range .volumes -}}
{{- with .secret}}{{$name := .secretName}}{{if not .optional}}{{range .items}}Secret {{$name}} {{.key}}{{"\n"}}{{else}}Secret {{$name}} -{{"\n"}}{{end}}{{end}}{{end -}}
{{- with .configMap}}{{$name := .name}}{{if not .optional}}{{range .items}}ConfigMap {{$name}} {{.key}}{{"\n"}}{{else}}ConfigMap {{$name}} -{{"\n"}}{{end}}{{end}}{{end -}}
{{- with .persistentVolumeClaim}}PersistentVolumeClaim {{.claimName}} -{{"\n"}}{{end -}}
{{- with .projected}}{{range .sources -}}
{{- with .secret}}{{$name := .name}}{{range .items}}Secret {{$name}} {{.key}}{{"\n"}}{{end}}{{end -}}
{{- with .configMap}}{{$name := .name}}{{range .items}}ConfigMap {{$name}} {{.key}}{{"\n"}}{{end}}{{end -}}
{{- end}}{{end -}}
{{- end -}}
{{- range .containers -}}
{{- range .env}}{{with .valueFrom}}{{with .secretKeyRef}}Secret {{.name}} {{.key}}{{"\n"}}{{end}}{{with .configMapKeyRef}}ConfigMap {{.name}} {{.key}}{{"\n"}}{{end}}{{end}}{{end -}}
{{- range .envFrom}}{{with .secretRef}}{{if not .optional}}Secret {{.name}} -{{"\n"}}{{end}}{{end}}{{with .configMapRef}}{{if not .optional}}ConfigMap {{.name}} -{{"\n"}}{{end}}{{end}}{{end -}}
{{- end -}}
{{- range .imagePullSecrets}}Secret {{.name}} -{{"\n"}}{{end -}}
{{- end -}}'
for kind in Deployment StatefulSet; do
  from_release "$kind" "$references{{template \"pod\" .spec.template.spec}}"
done >"$work/references"
from_release CronJob "$references{{template \"pod\" .spec.jobTemplate.spec.template.spec}}" >>"$work/references"
sort -u "$work/references" -o "$work/references"

# What the release brings itself, or has cert-manager write.
for kind in Secret ConfigMap PersistentVolumeClaim; do
  from_release "$kind" '{{.kind}} {{.metadata.name}}{{"\n"}}'
done >"$work/own"
if is_served Certificate; then
  from_release Certificate 'Secret {{.spec.secretName}}{{"\n"}}' >>"$work/own"
fi
while read -r kind name key; do
  if grep -qxF "$kind $name" "$work/own"; then continue; fi
  template='{{range $key, $_ := .data}}{{$key}}{{"\n"}}{{end}}'
  [ "$kind" != PersistentVolumeClaim ] || template='{{.status.phase}}'
  if ask references "the $kind $name" get "$kind" "$name" --namespace="$namespace" "--output=go-template=$template" </dev/null; then
    if [ "$key" != - ] && ! printf '%s\n' "$answer" | grep -qxF "$key"; then
      found failure references "the $kind $name has no key $key" 'Add it.'
    elif [ "$answer" = Lost ]; then
      found failure references "the claim $name has lost its volume"
    fi
  elif [ $? -eq 1 ]; then
    expectation=''
    [ "$key" = - ] || expectation=" (with the key $key)"
    found failure references "there is no $kind $name$expectation in $namespace" 'Create it before the installation.'
  fi
done <"$work/references"
grep -q "${TAB}references$TAB" "$findings" || found ok references 'all Secrets, ConfigMaps and claims that the values name are there'

# ------------------------------------------------------------------------------------------------------- network policy

if documents NetworkPolicy | grep -q .; then
  if ask network 'daemon sets' get daemonsets --all-namespaces --output='jsonpath={range .items[*]}{.metadata.name} {end}'; then
    case " $answer" in
      *' calico-node '* | *' cilium '* | *' canal '* | *' antrea-agent '* | *' kube-router '* | *' weave-net '* | *' ovnkube-node '* | *' azure-npm '* | *' anetd '*)
        found ok network 'the network plugin enforces policies'
        ;;
      *' kindnet '*) found unknown network 'kindnet enforces policies since kind 0.24' 'Set tests.isolation and run helm test.' ;;
      *' aws-node '*) found unknown network 'the VPC CNI of AWS enforces policies only with its network policy agent' 'Set enableNetworkPolicy, then tests.isolation, and run helm test.' ;;
      *' kube-flannel-ds '* | *' kube-flannel '*)
        found failure network 'flannel enforces no policies: every pod of the cluster reaches the desktop' 'Add a policy engine, such as Calico (Canal), or change the plugin.'
        ;;
      *) found unknown network 'cannot tell whether the network plugin enforces policies' 'Set tests.isolation and run helm test after the installation.' ;;
    esac
  fi

  # Ranges that the desktop's policy does not know as private.
  if ask ranges nodes get nodes --output='jsonpath={range .items[*]}{range .spec.podCIDRs[*]}{@}{"\n"}{end}{end}'; then
    ranges=$answer
    if ask ranges 'the address of the API server' get service kubernetes --namespace=default --output='jsonpath={.spec.clusterIP}' && [ -n "$answer" ]; then
      ranges=$ranges$NEWLINE$answer/32
    fi
    documents NetworkPolicy >"$work/policies"
    printf '%s\n' "$ranges" | sort -u >"$work/ranges"
    public=0
    while read -r range; do
      case $range in
        '' | 10.* | 192.168.* | 172.1[6-9].* | 172.2[0-9].* | 172.3[01].* | 100.6[4-9].* | 100.[7-9][0-9].* | 100.1[01][0-9].* | 100.12[0-7].* | f[cd]*:*) continue ;;
      esac
      public=1
      if grep -qF -- "- $range" "$work/policies"; then
        found ok ranges "$range of the cluster is in networkPolicy.clusterCIDRs"
      else
        found warning ranges "the cluster uses the public addresses $range, which the desktop may reach as part of the internet" 'Add them to networkPolicy.clusterCIDRs, if no wider range there contains them.'
      fi
    done <"$work/ranges"
    if [ -z "$(printf '%s' "$ranges" | tr -d '[:space:]')" ]; then
      found unknown ranges 'the nodes do not say which addresses pods have' 'If they are public, add them to networkPolicy.clusterCIDRs.'
    elif [ "$public" -eq 0 ]; then
      found ok ranges 'pods and Services have private addresses'
    fi
  fi
else
  found warning network 'networkPolicy.enabled is false: every pod of the cluster reaches the desktop'
fi

# ------------------------------------------------------------------------------------------------- names and the provider

seconds_of() {
  date -u -d "$(printf '%s' "$1" | tr 'T' ' ' | sed 's/\.[0-9]*//; s/Z$//')" +%s 2>/dev/null
}
now=$(date -u +%s)
url=$(documents ConfigMap | sed -n 's/^ *publicUrl: *//p' | head -n 1)
issuer=$(documents ConfigMap | sed -n 's/^ *issuer: *//p' | head -n 1)

if [ "$offline" = no ] && [ -n "$url" ]; then
  host=${url#*://}
  host=${host%%[:/]*}
  if ! command -v getent >/dev/null; then
    found unknown dns "cannot ask for the address of $host here (no getent)"
  elif getent hosts "$host" >/dev/null; then
    found ok dns "$host resolves here"
  else
    found warning dns "$host does not resolve here" "Create its DNS record: people and the provider's redirects use it."
  fi
fi

if [ "$offline" = no ] && [ -n "$issuer" ]; then
  discovery=${issuer%/}/.well-known/openid-configuration
  if ! command -v curl >/dev/null; then
    found unknown provider "cannot ask $issuer here (no curl)"
  elif curl --silent --show-error --fail --max-time 15 --dump-header "$work/headers" --output "$work/discovery" "$discovery" 2>"$work/error"; then
    says=$(tr ',{' '[\n*]' <"$work/discovery" | sed -n 's/^ *"issuer": *"\([^"]*\)".*/\1/p' | head -n 1 | sed 's/\\//g')
    if [ "$says" = "$issuer" ]; then
      found ok provider "$issuer answers (asked from this machine, not from the cluster)"
    else
      found failure provider "$issuer says that its issuer is \"$says\"" 'Set oauth2proxy.issuer to exactly that.'
    fi
    provider_time=$(sed -n 's/^[Dd]ate: *\([^[:cntrl:]]*\).*/\1/p' "$work/headers" | tail -n 1)
    if [ -n "$provider_time" ] && provider_now=$(date -u -d "$provider_time" +%s 2>/dev/null); then
      difference=$((provider_now - now))
      if [ "${difference#-}" -gt "$MAX_CLOCK_DIFFERENCE" ]; then
        found warning clock "the provider's clock and the one of this machine differ by ${difference#-} seconds" 'Synchronize this machine, then check again.'
      fi
    fi
  else
    found warning provider "$discovery does not answer here: $(head -n 1 "$work/error")" 'The gateway must reach it. Check the URL, DNS, and proxies.'
  fi
fi

# Every node stamps its own lease, every ten seconds. Old leases are those of nodes that do not run.
if ask clock 'the leases of the nodes' get leases --namespace=kube-node-lease \
  --output='jsonpath={range .items[*]}{.metadata.name} {.spec.renewTime}{"\n"}{end}'; then
  printf '%s\n' "$answer" >"$work/leases"
  off=0 seen=0
  while read -r node time; do
    [ -n "$time" ] || continue
    seconds=$(seconds_of "$time") || continue
    seen=$((seen + 1))
    difference=$((seconds - now))
    if [ "${difference#-}" -gt $((MAX_CLOCK_DIFFERENCE + 15)) ]; then
      off=1
      found warning clock "the clock of $node and the one of this machine differ by ${difference#-} seconds, or the node does not run" 'Synchronize the clocks: tokens are valid for a limited time.'
    fi
  done <"$work/leases"
  if [ "$seen" -eq 0 ]; then
    found unknown clock 'no node says its time'
  elif [ "$off" -eq 0 ]; then
    found ok clock "the nodes' clocks agree with the one of this machine"
  fi
fi

report
