namespace Microsoft.ML.Generative.Statistics;

/// <summary>Converts nats to other units.</summary>
internal static class InformationUnits
{
    public static double PerNat(this InformationUnit unit) => unit switch
    {
        InformationUnit.Nats => 1,
        InformationUnit.Bits => 1 / Math.Log(2),
        InformationUnit.Hartleys => 1 / Math.Log(10),
        _ => throw new ArgumentOutOfRangeException(nameof(unit), unit, "The unit is Nats, Bits or Hartleys."),
    };
}
