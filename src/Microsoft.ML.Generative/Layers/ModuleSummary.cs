using System.Globalization;
using System.Text;
using TorchSharp;

namespace Microsoft.ML.Generative.Layers;

/// <summary>Describes a network as a table of its layers.</summary>
internal static class ModuleSummary
{
    /// <summary>A line for each layer that has parameters or buffers: name, type, shapes, parameters; then the totals.</summary>
    public static string Of(torch.nn.Module network)
    {
        List<(string Name, string Type, string Shapes, long Parameters)> layers = [];
        HashSet<IntPtr> seen = [];
        long parameters = 0, buffers = 0, bytes = 0;
        foreach ((string name, torch.nn.Module module) in network.named_modules().Prepend(("", network)))
        {
            List<string> shapes = [];
            long count = 0;
            foreach ((string field, torch.Tensor values) in module.named_parameters(recurse: false)
                .Select(p => (p.name, (torch.Tensor)p.parameter)))
            {
                // A weight that two layers share counts once.
                bool isNew = seen.Add(values.Handle);
                shapes.Add(Describe(field, values) + (isNew ? "" : " (shared)"));
                count += isNew ? values.numel() : 0;
                bytes += isNew ? values.numel() * values.element_size() : 0;
            }

            foreach ((string field, torch.Tensor values) in module.named_buffers(recurse: false))
            {
                if (!seen.Add(values.Handle))
                    continue;
                shapes.Add(Describe(field, values));
                buffers += values.numel();
                bytes += values.numel() * values.element_size();
            }

            parameters += count;
            if (shapes.Count > 0)
                layers.Add((name.Length > 0 ? name : "(network)", module.GetType().Name, string.Join(", ", shapes), count));
        }

        var text = new StringBuilder();
        int[] widths = [Width("layer", l => l.Name), Width("type", l => l.Type), Width("shapes", l => l.Shapes)];
        Append("layer", "type", "shapes", "parameters");
        foreach ((string name, string type, string shapes, long count) in layers)
            Append(name, type, shapes, count.ToString("N0", CultureInfo.InvariantCulture));
        text.Append(CultureInfo.InvariantCulture, $"{parameters:N0} parameters");
        if (buffers > 0)
            text.Append(CultureInfo.InvariantCulture, $" and {buffers:N0} other values");
        text.AppendLine(CultureInfo.InvariantCulture, $", {bytes:N0} bytes");
        return text.ToString();

        int Width(string title, Func<(string Name, string Type, string Shapes, long Parameters), string> cell) =>
            layers.Select(layer => cell(layer).Length).Append(title.Length).Max();

        void Append(string name, string type, string shapes, string count) => text.AppendLine(
            $"{name.PadRight(widths[0])}  {type.PadRight(widths[1])}  {shapes.PadRight(widths[2])}  {count,12}");

        static string Describe(string field, torch.Tensor values) => $"{field} [{string.Join(", ", values.shape)}]";
    }
}
