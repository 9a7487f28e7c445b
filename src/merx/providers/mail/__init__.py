"""Mail: by SMTP where a server is set; otherwise a Runtime keeps its own NoMailer, and mails stay in the outbox."""

from __future__ import annotations

from merx.providers.mail.smtp import SmtpMailer

__all__ = ["SmtpMailer"]
