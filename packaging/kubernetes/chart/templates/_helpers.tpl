{{- define "interlock.name" -}}
{{- if contains "interlock" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-interlock" (.Release.Name | trunc 40 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "interlock.selector" -}}
app.kubernetes.io/name: interlock
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "interlock.labels" -}}
{{ include "interlock.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "interlock.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "interlock.name" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "interlock.priorityClass" -}}
{{- .Values.priorityClass.name | default (include "interlock.name" .) }}
{{- end }}

{{- define "interlock.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* What the daemon needs and a reason for each: docs/kubernetes.md. The pod's and OpenShift's must be the same. */}}
{{- define "interlock.capabilities" -}}
# load programs, make maps
- BPF
# attach them to tracepoints and functions of the kernel
- PERFMON
# attach them to cgroups, for connections
- NET_ADMIN
# the node's cgroup namespace; the self-test's mount namespace
- SYS_ADMIN
# programs, descriptors, roots and sockets of other users' processes
- SYS_PTRACE
# files of other users, as their owners see them
- DAC_READ_SEARCH
# cgroup.procs of other users' groups, to freeze trees; terminals of other users
- DAC_OVERRIDE
# stop and kill other users' processes
- KILL
# answer under load: the highest priority of SCHED_OTHER
- SYS_NICE
# the self-test listens at port 53 of the pod
- NET_BIND_SERVICE
{{- end }}
