using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>The weights of a model, out of its file.</summary>
internal static class ModelWeights
{
    /// <summary>All of Float32, one after the other.</summary>
    public static float[] Read(ITransformer model)
    {
        using var file = new MemoryStream();
        Outputs.Context().Model.Save(model, (DataViewSchema?)null, file);
        using var archive = new ZipArchive(new MemoryStream(file.ToArray()));
        List<float> all = [];
        foreach (ZipArchiveEntry entry in archive.Entries.Where(e => e.Name.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            using Stream stream = entry.Open();
            using var content = new MemoryStream();
            stream.CopyTo(content);
            ReadOnlySpan<byte> bytes = content.GetBuffer().AsSpan(0, (int)content.Length);
            int header = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            foreach (var (name, tensor) in JsonNode.Parse(bytes.Slice(8, header))!.AsObject())
            {
                if (name == "__metadata__" || tensor!["dtype"]!.GetValue<string>() != "F32")
                    continue;
                (int start, int end) = (tensor["data_offsets"]![0]!.GetValue<int>(), tensor["data_offsets"]![1]!.GetValue<int>());
                all.AddRange(MemoryMarshal.Cast<byte, float>(bytes[(8 + header)..][start..end]));
            }
        }

        return [.. all];
    }
}
