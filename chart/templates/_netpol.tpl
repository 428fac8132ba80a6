{{/* Parts of network policies. */}}

{{- define "ghostwire.netpol.policyTypes" -}}
policyTypes:
  {{- toYaml .Values.networkPolicy.policyTypes | nindent 2 }}
{{- end }}

{{- define "ghostwire.netpol.dns" -}}
{{- $dns := .Values.networkPolicy.dns -}}
- to:
    {{- with $dns.peers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- range $dns.cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    {{- range $port := $dns.ports }}
    {{- range list "UDP" "TCP" }}
    - port: {{ $port }}
      protocol: {{ . }}
    {{- end }}
    {{- end }}
{{- end }}

{{/* Addresses where clouds serve credentials, and their IPv6 forms. No pod of a release needs them. */}}
{{- define "ghostwire.netpol.metadata" -}}
v4:
  - 169.254.0.0/16
  - 100.100.100.200/32
  - 168.63.129.16/32
  - 192.0.0.192/32
v6:
  - fe80::/10
  - fd00:ec2::/32
  - fd20:ce::/32
  - 64:ff9b::a9fe:0/112
  - 64:ff9b::6464:64c8/128
  - 64:ff9b::a83f:8110/128
  - 64:ff9b::c000:c0/128
{{- end }}

{{/* Networks that are not the internet, including the IPv6 ranges that embed IPv4 addresses. */}}
{{- define "ghostwire.netpol.private" -}}
v4:
  - 0.0.0.0/8
  - 10.0.0.0/8
  - 100.64.0.0/10
  - 127.0.0.0/8
  - 168.63.129.16/32
  - 169.254.0.0/16
  - 172.16.0.0/12
  - 192.0.0.0/24
  - 192.168.0.0/16
  - 198.18.0.0/15
  - 224.0.0.0/3
v6:
  - ::/96
  - 64:ff9b::/96
  - 64:ff9b:1::/48
  - 2002::/16
  - fc00::/7
  - fe80::/10
  - ff00::/8
{{- end }}

{{/* All addresses except .but ({v4, v6}) and .also (a list of both kinds). */}}
{{- define "ghostwire.netpol.anywhereBut" -}}
{{- $v4 := .but.v4 -}}
{{- $v6 := .but.v6 -}}
{{- range .also -}}
{{- if contains ":" . -}}{{- $v6 = append $v6 . -}}{{- else -}}{{- $v4 = append $v4 . -}}{{- end -}}
{{- end -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except:
      {{- range uniq $v4 }}
      - {{ . }}
      {{- end }}
- ipBlock:
    cidr: ::/0
    except:
      {{- range uniq $v6 }}
      - {{ . | quote }}
      {{- end }}
{{- end }}

{{/* Ports on which the proxies of a mesh accept connections from each other, for all ports of the pod. */}}
{{- define "ghostwire.netpol.meshPorts" -}}
{{- with .Values.serviceMesh -}}
{{- if and .enabled .inject -}}
{{- if eq .name "linkerd" }}
- port: 4143
  protocol: TCP
{{- else if eq .mode "ambient" }}
- port: 15008
  protocol: TCP
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* In ambient mode, probes come from these addresses and not from the node's. `ports`: the probed ports. */}}
{{- define "ghostwire.netpol.ambientProbes" -}}
{{- with .ctx.Values.serviceMesh -}}
{{- if and .enabled .inject (eq .name "istio") (eq .mode "ambient") -}}
- from:
    - ipBlock:
        cidr: 169.254.7.127/32
    - ipBlock:
        cidr: fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128
  ports:
    - port: {{ $.port }}
      protocol: TCP
{{- end -}}
{{- end -}}
{{- end }}

{{/* The control plane, from which a sidecar gets its identity and routes. In ambient mode, the node connects to it. */}}
{{- define "ghostwire.netpol.meshControlPlane" -}}
{{- with .Values.serviceMesh -}}
{{- if and .enabled .inject (or (eq .name "linkerd") (eq .mode "sidecar")) -}}
{{- $isLinkerd := eq .name "linkerd" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .namespace | default ($isLinkerd | ternary "linkerd" "istio-system") }}
  ports:
    {{- range $isLinkerd | ternary (list 4143 8080 8086 8090) (list 15012) }}
    - port: {{ . }}
      protocol: TCP
    {{- end }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The API server. Its Service has port 443, but after address translation packets often go to another port of a node. */}}
{{- define "ghostwire.netpol.apiServer" -}}
{{- $apiServer := .Values.networkPolicy.apiServer -}}
- to:
    {{- with $apiServer.cidrs }}
    {{- range . }}
    - ipBlock:
        cidr: {{ . | quote }}
    {{- end }}
    {{- else }}
    {{- include "ghostwire.netpol.anywhereBut" (dict "but" (include "ghostwire.netpol.metadata" $ | fromYaml)) | nindent 4 }}
    {{- end }}
  ports:
    {{- range $apiServer.ports }}
    - port: {{ . }}
      protocol: TCP
    {{- end }}
{{- end }}

{{/* Ports of the desktop: that of KasmVNC, and those in `desktop.extraPorts`. */}}
{{- define "ghostwire.netpol.desktopPorts" -}}
- port: {{ .Values.desktop.port }}
  protocol: TCP
{{- range .Values.desktop.extraPorts }}
- port: {{ .port }}
  protocol: TCP
{{- end }}
{{- include "ghostwire.netpol.meshPorts" . }}
{{- end }}

{{- define "ghostwire.netpol.frontPorts" -}}
- port: {{ .Values.gateway.ports.http }}
  protocol: TCP
{{- include "ghostwire.netpol.meshPorts" . }}
{{- end }}

{{/* Ingress rules from the values. A rule without ports gets .ports. */}}
{{- define "ghostwire.netpol.frontDoor" -}}
{{- $ports := .ports -}}
{{- range .rules }}
- from:
    {{- toYaml .from | nindent 4 }}
  ports:
    {{- with .ports }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    {{- $ports | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}

{{/* Who may reach the admin port: the peers from the values; else, with a ServiceMonitor, the Prometheus of kube-prometheus-stack. */}}
{{- define "ghostwire.netpol.metricsPeers" -}}
{{- if .Values.networkPolicy.metrics -}}
{{- toYaml .Values.networkPolicy.metrics -}}
{{- else if .Values.servicemonitor.enabled -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .Values.servicemonitor.namespace | default "monitoring" }}
  podSelector:
    matchLabels:
      app.kubernetes.io/name: prometheus
{{- else -}}
[]
{{- end -}}
{{- end }}
