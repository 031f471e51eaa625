using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Makes tensors of sequences.</summary>
internal static class TokenRows
{
    /// <summary>Sequences, filled up behind their last tokens, and the indices of these.</summary>
    /// <param name="rows">The sequences, each of at least one token.</param>
    /// <param name="device">Where the tensors go.</param>
    /// <returns>[rows, time] and [rows], Int64.</returns>
    public static (torch.Tensor Sequences, torch.Tensor Last) Pad(IReadOnlyList<int[]> rows, torch.Device device)
    {
        int time = rows.Max(row => row.Length);
        torch.Tensor sequences = torch.zeros([rows.Count, time], dtype: torch.int64);
        Span<long> values = MemoryMarshal.Cast<byte, long>(sequences.bytes);
        long[] last = new long[rows.Count];
        for (int row = 0; row < rows.Count; row++)
        {
            for (int i = 0; i < rows[row].Length; i++)
                values[row * time + i] = rows[row][i];
            last[row] = rows[row].Length - 1;
        }

        return (sequences.to(device), torch.tensor(last, device: device));
    }
}
