using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>Makes batches of sources and targets.</summary>
internal static class SequenceBatch
{
    /// <summary>
    /// Sources [batch, time], their lengths [batch], targets shifted by one behind the token that begins them and their labels, [batch,
    /// target time] each. What fills up shorter sequences is not attended to, and is no label.
    /// </summary>
    /// <param name="sources">The sources' tokens.</param>
    /// <param name="targets">The targets' tokens.</param>
    /// <param name="start">The token that begins targets.</param>
    /// <param name="device">Where the tensors go.</param>
    public static TensorBatch Make(IReadOnlyList<int[]> sources, IReadOnlyList<int[]> targets, int start, torch.Device device)
    {
        (torch.Tensor padded, torch.Tensor last) = TokenRows.Pad(sources, device);
        int rows = targets.Count, time = targets.Max(target => target.Length), count = 0;
        torch.Tensor inputs = TensorFactory.Constant([rows, time], start);
        torch.Tensor labels = TensorFactory.Constant([rows, time], LanguageModelNetwork.NoTarget);
        Span<long> inputRows = MemoryMarshal.Cast<byte, long>(inputs.bytes), labelRows = MemoryMarshal.Cast<byte, long>(labels.bytes);
        for (int row = 0; row < rows; row++)
        {
            int[] target = targets[row];
            for (int i = 0; i < target.Length; i++)
            {
                labelRows[row * time + i] = target[i];
                if (i + 1 < target.Length)
                    inputRows[row * time + i + 1] = target[i];
            }

            count += target.Length;
        }

        return new TensorBatch(rows, padded, last.Minus(-1), inputs.to(device), labels.to(device)) { Weight = count };
    }
}
