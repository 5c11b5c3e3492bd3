"""The one place for topic names."""

import msgspec


class Topics(msgspec.Struct, frozen=True):
    """Every topic that the application reads or writes, from the prefix and the application id."""

    prefix: str = "contact-centre."
    app_id: str = "contact-centre-stream"

    @property
    def tickets(self) -> str:
        """Source: life of tickets and queue visits."""
        return f"{self.prefix}tickets"

    @property
    def replies(self) -> str:
        """Source: messages of a ticket."""
        return f"{self.prefix}replies"

    @property
    def surveys(self) -> str:
        """Source: surveys and reviews."""
        return f"{self.prefix}surveys"

    @property
    def customers(self) -> str:
        """Source: life of customers."""
        return f"{self.prefix}customers"

    @property
    def rollups(self) -> str:
        """Output: one upsert per figure and window."""
        return f"{self.prefix}rollups"

    @property
    def alerts(self) -> str:
        """Output: one upsert per alert rule and segment."""
        return f"{self.prefix}alerts"

    @property
    def followups(self) -> str:
        """Output: one upsert per bad answer."""
        return f"{self.prefix}followups"

    @property
    def sources(self) -> tuple[str, str, str]:
        """The co-partitioned sources of the tickets stage, in the order of the documentation."""
        return (self.tickets, self.replies, self.surveys)

    @property
    def deltas(self) -> str:
        """Internal: differences of tallies, from the tickets stage to the windows stage."""
        return f"{self.app_id}-deltas"

    @property
    def answers(self) -> str:
        """Internal: survey answers by customer, from the tickets stage to the customers stage."""
        return f"{self.app_id}-answers"

    @property
    def tickets_changelog(self) -> str:
        """Internal: facts per ticket (Faust's name for the changelog of the table ``tickets``)."""
        return f"{self.app_id}-tickets-changelog"

    @property
    def customers_changelog(self) -> str:
        """Internal: facts per customer (Faust's name for the changelog of the table ``customers``)."""
        return f"{self.app_id}-customers-changelog"

    @property
    def windows_changelog(self) -> str:
        """Internal: tallies per segment and pane (Faust's name for the changelog of the table ``windows``)."""
        return f"{self.app_id}-windows-changelog"

    @property
    def generations(self) -> str:
        """Internal: the settings of each generation of the state."""
        return f"{self.app_id}-generations"

    def dlq(self, topic: str) -> str:
        """The dead-letter topic of a source topic."""
        return f"{topic}.dlq"
