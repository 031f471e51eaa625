using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Rows that a training cannot use.</summary>
internal sealed class RowsLeftOut
{
    private const int RowsNamed = 3;

    private readonly List<long> _rows = [];

    public void Add(long row) => _rows.Add(row);

    /// <summary>Warns of them, if there are any.</summary>
    public void Report(IChannel channel, long all, string what, string reason)
    {
        if (_rows.Count > 0)
        {
            channel.Warning(
                $"{_rows.Count} of {all} {what} are left out: they have {reason} (rows "
                + $"{string.Join(", ", _rows.Take(RowsNamed))}{(_rows.Count > RowsNamed ? ", …" : "")}).");
        }
    }
}
