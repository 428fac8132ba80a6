{{/* Labels for selectors. They always contain the component, so that no selector of the desktop matches a test pod. */}}
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

{{/* Name, namespace, labels and annotations of an object. .suffix: follows the release's name; .labels, .annotations: additional ones. */}}
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
