{{/* Environment of the gateway, as a map. The store's URL is here and not in the ConfigMap, because it may contain a password. */}}
{{- define "ghostwire.gateway.env" -}}
{{- $env := dict "GATEWAY_CONFIG" "/etc/ghostwire/gateway.yaml" -}}
{{- with .Values.sessionStore -}}
{{- if eq .type "redis" -}}
{{- $_ := set $env "GATEWAY_SESSION_STORE" (dict "valueFrom" (dict "secretKeyRef" (dict
  "name" (.redis.existingSecret | default (include "ghostwire.gateway.fullname" $))
  "key" (.redis.existingSecret | empty | ternary "session-store" .redis.existingSecretKey)))) -}}
{{- end -}}
{{- end -}}
{{- toYaml (merge $env .Values.gateway.env) -}}
{{- end }}

{{/* `ws` tells implementations of the Gateway API to allow upgrades. Service and routes use the same value. */}}
{{- define "ghostwire.gateway.appProtocol" -}}
{{- .Values.gateway.service.appProtocol | default (.Values.gateway.tls.existingSecret | empty | ternary "kubernetes.io/ws" "kubernetes.io/wss") -}}
{{- end }}
