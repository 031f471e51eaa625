namespace Microsoft.ML.Generative.Statistics;

/// <summary>The unit of information: the base of the logarithm.</summary>
public enum InformationUnit
{
    /// <summary>Natural logarithm; the unit of the losses of generative models.</summary>
    Nats,

    /// <summary>Logarithm to base 2: 1 bit is ln 2 ≈ 0.693 nats.</summary>
    Bits,

    /// <summary>Logarithm to base 10, also called bans: 1 hartley is ln 10 ≈ 2.303 nats.</summary>
    Hartleys,
}
