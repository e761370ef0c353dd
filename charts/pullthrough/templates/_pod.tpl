{{/* What the Deployment's pods, the check of the configuration and `helm test` have in common. */}}

{{- define "pullthrough.podLabels" -}}
{{ include "pullthrough.selectorLabels" . }}
{{- /* No version: what is the same goes on running. */}}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- /* Whatever selectors become, the webhook stays away from its own pods. */}}
pullthrough.internal/rewrite: disabled
{{- end }}

{{- define "pullthrough.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pullthrough.container" -}}
image: {{ include "pullthrough.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pullthrough.environment" -}}
{{- with .Values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pullthrough.volumes" -}}
- name: config
  configMap:
    name: {{ include "pullthrough.fullname" . }}
{{- if eq .Values.tls.mode "files" }}
- name: tls
  secret:
    secretName: {{ include "pullthrough.secretName" . }}
    defaultMode: 0440
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "pullthrough.volumeMounts" -}}
- name: config
  mountPath: /etc/pullthrough
  readOnly: true
{{- if eq .Values.tls.mode "files" }}
- name: tls
  mountPath: /etc/pullthrough-tls
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
