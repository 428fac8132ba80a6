{{/*
Environment of the desktop as a map. kasmweb's start script hands VNCOPTIONS to KasmVNC behind its own arguments, so that
ours win; it makes its users anew at each start, both with VNC_PW.
*/}}
{{- define "ghostwire.desktop.env" -}}
{{- $desktop := .Values.desktop -}}
{{- /* Each helper of kasmweb's is a port of its own, some without a password, and the web client uses none of them. */ -}}
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
One address, the gateway's, stands for all people: no blacklist. Whoever comes does not throw the others out. And KasmVNC
would ask public STUN servers for its address, for a transport that goes past the gateway.
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
