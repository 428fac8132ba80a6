{{/*
Environment of the desktop, as a map. The start script of kasmweb images passes VNCOPTIONS to KasmVNC after its own
arguments, so the chart's options take precedence. It creates its users again at each start, all with the password VNC_PW.
*/}}
{{- define "ghostwire.desktop.env" -}}
{{- $desktop := .Values.desktop -}}
{{- /* Each helper service of kasmweb images listens on a port, some without a password. The web client uses none of them. */ -}}
{{- $env := dict
  "KASM_SVC_AUDIO" "0"
  "KASM_SVC_AUDIO_INPUT" "0"
  "KASM_SVC_UPLOADS" "0"
  "KASM_SVC_GAMEPAD" "0"
  "KASM_SVC_WEBCAM" "0"
  "KASM_SVC_PRINTER" "0"
  "VNC_RESOLUTION" $desktop.resolution
-}}
{{- /*
All people share one address, the gateway's, so the blacklist must be off. A new client must not disconnect the others.
And KasmVNC would ask public STUN servers for its address, for a transport that bypasses the gateway.
*/ -}}
{{- $options := list $desktop.vncOptions "-BlacklistThreshold=0" "-AlwaysShared" "-publicIP 127.0.0.1" -}}
{{- if eq $desktop.tls.mode "off" -}}
{{- $options = append $options "-sslOnly 0" -}}
{{- else if eq $desktop.tls.mode "secret" -}}
{{- $options = append $options "-cert /run/secrets/desktop-tls/tls.crt -key /run/secrets/desktop-tls/tls.key" -}}
{{- end -}}
{{- $own := dict
  "VNCOPTIONS" (without $options "" | join " ")
  "VNC_PW" (dict "valueFrom" (dict "secretKeyRef" (dict
    "name" (include "ghostwire.desktop.secretName" .)
    "key" (include "ghostwire.desktop.secretKey" .))))
  "NO_VNC_PORT" (int $desktop.port | toString)
-}}
{{- toYaml (mergeOverwrite $env $desktop.env $own) -}}
{{- end }}
