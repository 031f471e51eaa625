namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>How long the processes of a training exchange gradients, and how much of it the backward pass hides.</summary>
internal sealed class ExchangeTimes
{
    /// <summary>Seconds in which gradients were on their way.</summary>
    public double Exchanged { get; private set; }

    /// <summary>Seconds in which the training did nothing but wait for them.</summary>
    public double Waited { get; private set; }

    /// <summary>The share of the exchange, 0 to 1, during which the backward pass computed.</summary>
    public double HiddenShare => Exchanged > 0 ? Math.Max(0, 1 - Waited / Exchanged) : 0;

    /// <summary>Forgets an earlier training.</summary>
    public void Reset() => (Exchanged, Waited) = (0, 0);

    public void Add(TimeSpan exchanged, TimeSpan waited)
    {
        Exchanged += exchanged.TotalSeconds;
        Waited += waited.TotalSeconds;
    }
}
