using System.Globalization;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>The memory that the process may use: the machine's, or that of its container.</summary>
internal static class MemoryLimit
{
    private static readonly string[] _units = ["bytes", "KB", "MB", "GB", "TB", "PB", "EB"];

    public static long Bytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>A number of bytes in words, as in "6.3 TB".</summary>
    public static string Describe(Int128 bytes)
    {
        double value = (double)bytes;
        int unit = 0;
        for (; value >= 1000 && unit < _units.Length - 1; unit++)
            value /= 1000;
        return string.Create(CultureInfo.InvariantCulture, $"{value:G3} {_units[unit]}");
    }
}
