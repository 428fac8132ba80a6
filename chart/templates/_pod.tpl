{{/* All pods use these two templates. What applies to all pods is only here, so that no pod is left out. */}}

{{/*
Metadata of a pod. The labels contain no version, so that a new chart version does not restart the desktop.
.component; .labels, .annotations: additional ones; .mesh: whether the pod belongs to the mesh.
*/}}
{{- define "ghostwire.podMetadata" -}}
{{- $mesh := .ctx.Values.serviceMesh -}}
{{- $labels := include "ghostwire.selectorLabels" . | fromYaml -}}
{{- $annotations := dict -}}
{{- if $mesh.enabled -}}
{{- $in := and (.mesh | default false) $mesh.inject -}}
{{- if eq $mesh.name "linkerd" -}}
{{- $_ := set $annotations "linkerd.io/inject" (ternary "enabled" "disabled" $in) -}}
{{- else if eq $mesh.mode "ambient" -}}
{{- $_ := set $labels "istio.io/dataplane-mode" (ternary "ambient" "none" $in) -}}
{{- else -}}
{{- $_ := set $labels "sidecar.istio.io/inject" (ternary "true" "false" $in) -}}
{{- end -}}
{{- end -}}
labels:
  {{- toYaml (merge $labels (.labels | default dict) .ctx.Values.commonLabels) | nindent 2 }}
{{- with merge $annotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
The beginning of a pod's spec. .values: the component's section of values.yaml; .account: name of its service account;
.token: whether the pod uses the API server.
*/}}
{{- define "ghostwire.podSpec" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
{{- with .ctx.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ kindIs "map" . | ternary . (dict "name" .) | dig "name" "" }}
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml .values.podSecurityContext | nindent 2 }}
{{- with .values.priorityClassName | default .ctx.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- range $key := list "nodeSelector" "affinity" "tolerations" "topologySpreadConstraints" }}
{{- with get $.values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Image, security context and resources of a container. .values: as above. */}}
{{- define "ghostwire.container" -}}
image: {{ include "ghostwire.image" (dict "ctx" .ctx "image" .values.image) }}
imagePullPolicy: {{ .values.image.pullPolicy }}
securityContext:
  {{- toYaml .values.containerSecurityContext | nindent 2 }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{- end }}

{{/* A digest takes precedence over the tag, and the global registry over the image's. */}}
{{- define "ghostwire.image" -}}
{{- $registry := .ctx.Values.global.imageRegistry | default .image.registry | trimSuffix "/" -}}
{{- $tag := .image.digest | empty | ternary (printf ":%s" (.image.tag | default .ctx.Chart.AppVersion)) (printf "@%s" .image.digest) -}}
{{- printf "%s%s%s" (empty $registry | ternary "" (printf "%s/" $registry)) .image.repository $tag | quote -}}
{{- end }}

{{/* Environment from a map, sorted by key. So no name can occur twice. */}}
{{- define "ghostwire.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Tests and jobs: a script in the gateway's image, with the gateway's security context. .script: a file in files/; .env: a map. */}}
{{- define "ghostwire.scriptContainer" -}}
{{- $gateway := .ctx.Values.gateway -}}
name: {{ .name }}
{{ include "ghostwire.container" (dict "ctx" .ctx "values" (dict
  "image" $gateway.image
  "containerSecurityContext" $gateway.containerSecurityContext
  "resources" .ctx.Values.tests.resources
)) }}
command: [node, --input-type=module, --eval]
args:
  - |
    {{- /* Empty lines are removed, because indentation would leave spaces on them. */}}
    {{- regexReplaceAllLiteral "\n\n+" (.ctx.Files.Get (printf "files/%s" .script) | trim) "\n" | nindent 4 }}
env:
  {{- include "ghostwire.env" .env | trim | nindent 2 }}
{{- end }}

{{- define "ghostwire.scriptPodValues" -}}
{{- $gateway := .Values.gateway -}}
{{- toYaml (dict
  "podSecurityContext" $gateway.podSecurityContext
  "nodeSelector" $gateway.nodeSelector
  "tolerations" $gateway.tolerations
) -}}
{{- end }}
