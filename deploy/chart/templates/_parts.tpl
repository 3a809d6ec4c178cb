{{/* The labels of one role: (dict "root" . "role" "worker"). */}}
{{- define "tocsin.selector" -}}
app.kubernetes.io/name: tocsin
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "tocsin.labels" -}}
{{ include "tocsin.selector" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* repository:tag@digest: (dict "root" . "tag" "" "digest" ""). */}}
{{- define "tocsin.image" -}}
{{- $image := .root.Values.image -}}
{{ $image.repository }}:{{ .tag | default $image.tag | default .root.Chart.AppVersion }}
{{- with (.digest | default (ternary "" $image.digest (ne (.tag | default "") ""))) }}@{{ . }}{{ end }}
{{- end }}

{{- define "tocsin.pod" -}}
serviceAccountName: {{ .Release.Name }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "tocsin.locked" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "tocsin.env" -}}
- {name: TOCSIN_HOME, value: /var/lib/tocsin}
- {name: TOCSIN_TEMPORAL_ADDRESS, value: {{ .Values.temporal.address | quote }}}
- {name: TOCSIN_TEMPORAL_NAMESPACE, value: {{ .Values.temporal.namespace | quote }}}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range $name, $_ := .Values.secrets }}
- {name: {{ $name }}_FILE, value: /run/secrets/tocsin/{{ $name }}}
{{- end }}
{{- with .Values.temporal }}
{{- if .apiKey.name }}
- {name: TOCSIN_TEMPORAL_API_KEY_FILE, value: /run/secrets/tocsin/TOCSIN_TEMPORAL_API_KEY}
{{- end }}
{{- if or .tls.enabled .tls.secretName .apiKey.name }}
- {name: TEMPORAL_TLS, value: "true"}
{{- with .tls.serverName }}
- {name: TEMPORAL_TLS_SERVER_NAME, value: {{ . | quote }}}
{{- end }}
{{- if .tls.secretName }}
- {name: TEMPORAL_TLS_CLIENT_CERT_PATH, value: /run/secrets/temporal/tls.crt}
- {name: TEMPORAL_TLS_CLIENT_KEY_PATH, value: /run/secrets/temporal/tls.key}
{{- if .tls.ca }}
- {name: TEMPORAL_TLS_SERVER_CA_CERT_PATH, value: /run/secrets/temporal/ca.crt}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tocsin.mounts" -}}
- {name: home, mountPath: /var/lib/tocsin}
- {name: tmp, mountPath: /tmp}
- {name: secrets, mountPath: /run/secrets/tocsin, readOnly: true}
{{- if .Values.temporal.tls.secretName }}
- {name: temporal-tls, mountPath: /run/secrets/temporal, readOnly: true}
{{- end }}
{{- end }}

{{- define "tocsin.volumes" -}}
- name: home
  emptyDir: {medium: Memory, sizeLimit: 256Mi} # above what `watch` calls too little room
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
- name: laid
  secret: {secretName: {{ .Values.home.secretName }}, defaultMode: 0440}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
    {{- range $name, $from := .Values.secrets }}
    - secret: {name: {{ $from.name }}, items: [{key: {{ $from.key }}, path: {{ $name }}}]}
    {{- end }}
    {{- with .Values.temporal.apiKey }}{{ if .name }}
    - secret: {name: {{ .name }}, items: [{key: {{ .key | default "api-key" }}, path: TOCSIN_TEMPORAL_API_KEY}]}
    {{- end }}{{ end }}
{{- with .Values.temporal.tls.secretName }}
- name: temporal-tls
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/* Keys must be their owner's alone, which no mounted Secret can be: they are unpacked into memory. */}}
{{- define "tocsin.home" -}}
- name: home
  image: {{ include "tocsin.image" (dict "root" . "tag" "" "digest" "") }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [/bin/sh, -euc]
  args:
  - |
    umask 077
    mkdir -p /var/lib/tocsin/keys
    tar -xf /laid/keys.tar -C /var/lib/tocsin/keys --no-same-owner
    for file in people.toml org.toml; do
      if [ -e "/laid/$file" ]; then cp "/laid/$file" "/var/lib/tocsin/$file"; fi
    done
  {{- include "tocsin.locked" . | nindent 2 }}
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {memory: 64Mi}
  volumeMounts:
  - {name: home, mountPath: /var/lib/tocsin}
  - {name: laid, mountPath: /laid, readOnly: true}
{{- end }}
