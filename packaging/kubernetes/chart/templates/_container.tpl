{{/* What the daemon, and the step that lets go of what is enforced, have in common. */}}
{{- define "interlock.container" -}}
image: {{ include "interlock.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  - name: NODE_NAME
    valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
securityContext:
  privileged: false
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsUser: 0
  capabilities:
    drop: [ALL]
    add:
      {{- include "interlock.capabilities" . | nindent 6 }}
  seccompProfile:
    {{- toYaml .Values.security.seccompProfile | nindent 4 }}
  appArmorProfile:
    {{- toYaml .Values.security.appArmorProfile | nindent 4 }}
  {{- with .Values.security.seLinuxOptions }}
  seLinuxOptions:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  # One by one: the volume's own directory can be written to by everybody (mode 0777), and the daemon refuses such a place.
  - { name: config, mountPath: /etc/interlock/config.toml, subPath: config.toml, readOnly: true }
  - { name: config, mountPath: /etc/interlock/config.d, subPath: config.d, readOnly: true }
  {{- if .Values.rules }}
  - { name: config, mountPath: /etc/interlock/rules.d, subPath: rules.d, readOnly: true }
  {{- end }}
  {{- range .Values.credentials }}
  - name: {{ printf "credential-%s" (regexReplaceAll "[^a-z0-9]+" (lower .file) "-") }}
    mountPath: {{ printf "/etc/interlock/credentials/%s" .file }}
    subPath: {{ .file | quote }}
    readOnly: true
  {{- end }}
  - { name: run, mountPath: /run/interlock }
  - { name: tmp, mountPath: /tmp }
  - { name: state, mountPath: /var/lib/interlock }
  - { name: pins, mountPath: /run/interlock-pins }
  # Over the container's own, which ends at its own group.
  - { name: cgroup, mountPath: /sys/fs/cgroup }
  - { name: tracing, mountPath: /sys/kernel/tracing, readOnly: true }
  - { name: security, mountPath: /sys/kernel/security, readOnly: true }
{{- end }}

{{- define "interlock.probe" -}}
httpGet:
  path: /healthz
  port: {{ .Values.metrics.port }}
  {{- if .Values.hostNetwork }}
  host: 127.0.0.1
  {{- end }}
{{- end }}
