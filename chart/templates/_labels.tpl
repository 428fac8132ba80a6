{{/* What a selector asks for. Always with the component: a test pod must never be taken for the desktop. */}}
{{- define "ghostwire.selectorLabels" -}}
app.kubernetes.io/name: {{ include "ghostwire.name" .ctx }}
app.kubernetes.io/instance: {{ .ctx.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "ghostwire.labels" -}}
{{- $own := include "ghostwire.selectorLabels" . | fromYaml -}}
{{- $chart := dict
  "helm.sh/chart" (printf "%s-%s" .ctx.Chart.Name .ctx.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" .ctx.Chart.AppVersion
  "app.kubernetes.io/managed-by" .ctx.Release.Service
  "app.kubernetes.io/part-of" "ghostwire"
-}}
{{- toYaml (merge $own $chart (.labels | default dict) .ctx.Values.commonLabels) -}}
{{- end }}

{{/* name, namespace, labels, annotations of an object. .suffix: what follows the release's name; .labels, .annotations: more. */}}
{{- define "ghostwire.metadata" -}}
name: {{ .name | default (printf "%s%s" (include "ghostwire.fullname" .ctx) (.suffix | default "")) }}
namespace: {{ .namespace | default .ctx.Release.Namespace }}
labels:
  {{- include "ghostwire.labels" . | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .ctx.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
