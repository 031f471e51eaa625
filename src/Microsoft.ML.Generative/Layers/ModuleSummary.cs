using System.Globalization;
using System.Text;
using Microsoft.ML.Generative.Layers.Adapters;
using TorchSharp;

namespace Microsoft.ML.Generative.Layers;

/// <summary>Describes a network as a table of its layers.</summary>
internal static class ModuleSummary
{
    // Two examples of other sizes show which dimensions of an output are those of the input.
    private static readonly (int Rows, int Tokens) _first = (1, 2);
    private static readonly (int Rows, int Tokens) _second = (2, 3);

    /// <summary>
    /// A line for each layer that computes or has parameters or buffers: name, type, shape of the output, weights, parameters; then the
    /// totals.
    /// </summary>
    /// <param name="network">The network.</param>
    /// <param name="isTrained">Whether a training changes the parameter of a name.</param>
    /// <param name="run">Passes rows through the network: their number, and the tokens of a row of text.</param>
    public static string Of(torch.nn.Module network, Func<string, bool> isTrained, Action<int, int> run)
    {
        IReadOnlyDictionary<torch.nn.Module, long[]> first = OutputShapes.During(() => run(_first.Rows, _first.Tokens));
        IReadOnlyDictionary<torch.nn.Module, long[]> second = OutputShapes.During(() => run(_second.Rows, _second.Tokens));
        List<string[]> lines = [["layer", "type", "output shape", "weights", "parameters"]];
        HashSet<IntPtr> seen = [];
        (long trained, long frozen, long buffers, long bytes) = (0, 0, 0, 0);
        foreach ((string name, torch.nn.Module module) in network.named_modules().Prepend(("", network)))
        {
            List<string> weights = [];
            long count = 0;
            foreach ((string field, TorchSharp.Modules.Parameter values) in module.named_parameters(recurse: false))
            {
                // A weight that two layers share counts once.
                bool isNew = seen.Add(values.Handle);
                weights.Add(Describe(field, values) + (isNew ? "" : " (shared)"));
                if (!isNew)
                    continue;
                count += values.numel();
                bytes += values.numel() * values.element_size();
                if (values.requires_grad && (module is Adapter || isTrained(name.Length > 0 ? $"{name}.{field}" : field)))
                    trained += values.numel();
                else
                    frozen += values.numel();
            }

            foreach ((string field, torch.Tensor values) in module.named_buffers(recurse: false))
            {
                if (!seen.Add(values.Handle))
                    continue;
                weights.Add(Describe(field, values));
                buffers += values.numel();
                bytes += values.numel() * values.element_size();
            }

            if (weights.Count > 0 || first.ContainsKey(module))
            {
                lines.Add(
                [
                    name.Length > 0 ? name : "(network)", module.GetType().Name, OutputOf(module), string.Join(", ", weights),
                    Number(count),
                ]);
            }
        }

        int[] widths = [.. Enumerable.Range(0, lines[0].Length).Select(column => lines.Max(line => line[column].Length))];
        var text = new StringBuilder();
        foreach (string[] line in lines)
        {
            text.AppendJoin("  ", line[..^1].Select((cell, column) => cell.PadRight(widths[column])))
                .Append("  ").AppendLine(line[^1].PadLeft(widths[^1]));
        }

        text.Append(CultureInfo.InvariantCulture, $"{Number(trained + frozen)} parameters");
        if (buffers > 0)
            text.Append(CultureInfo.InvariantCulture, $" and {Number(buffers)} other values");
        text.AppendLine(CultureInfo.InvariantCulture, $", {Number(bytes)} bytes; {Number(trained)} trainable, {Number(frozen)} frozen");
        return text.ToString();

        // A layer whose parameters the network reads by itself puts nothing out.
        string OutputOf(torch.nn.Module module) =>
            first.TryGetValue(module, out long[]? one) && second.TryGetValue(module, out long[]? other) && one.Length == other.Length
                ? $"[{string.Join(", ", one.Zip(other, Dimension))}]"
                : "";
    }

    // The size of a dimension, by the names of the input's dimensions that it follows.
    private static string Dimension(long one, long other)
    {
        if (one == other)
            return Plain(one);
        foreach ((string name, long first, long second) in ((string, long, long)[])
            [
                ("batch", _first.Rows, _second.Rows),
                ("tokens", _first.Tokens, _second.Tokens),
                ("batch · tokens", _first.Rows * _first.Tokens, _second.Rows * _second.Tokens),
            ])
        {
            if (one % first == 0 && other * first == one * second)
                return one == first ? name : $"{name} · {Plain(one / first)}";
        }

        return "?";
    }

    private static string Plain(long size) => size.ToString(CultureInfo.InvariantCulture);

    private static string Number(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    private static string Describe(string field, torch.Tensor values) => $"{field} [{string.Join(", ", values.shape)}]";
}
