using System.Globalization;

namespace Microsoft.ML.Generative.Common;

/// <summary>Writes numbers in messages with four digits, the same in all cultures.</summary>
internal static class ShortNumber
{
    public static string Text(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
