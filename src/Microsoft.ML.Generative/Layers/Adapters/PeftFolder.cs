using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>Low-rank adapters as folders in the layout of PEFT.</summary>
internal static class PeftFolder
{
    private const string Layout = "PEFT";
    private const string WeightsName = "adapter_model";
    private const string Prefix = "base_model.model.";

    /// <summary>Writes an adapter; a file appears under its name only when it is complete.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="network">The network without the adapter.</param>
    /// <param name="weights">The adapter.</param>
    /// <exception cref="NotSupportedException">transformers has no such module; nothing has been written then.</exception>
    public static void Save(string path, PeftNetwork network, LoraWeights weights)
    {
        AdaptableNetwork modules = network.Modules;
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        (LoraShape shape, IReadOnlyList<LoraAdapter> adapters) = Foreign(weights, modules);
        var tensors = new Dictionary<string, torch.Tensor>(StringComparer.Ordinal);
        foreach ((LoraModuleShape module, LoraAdapter adapter) in shape.Modules.Zip(adapters))
        {
            AdaptableLayer layer = modules.Modules.First(m => m.ForeignName == module.Name).Layer;
            foreach ((string name, torch.Tensor tensor) in PeftConfig.Tensors(Prefix + module.Name, layer, adapter))
                tensors.Add(name, ToFile(name, tensor));
        }

        Dictionary<string, Parameter> others = weights.Tensors.ToDictionary(t => t.Name, t => t.Parameter, StringComparer.Ordinal);
        foreach (ForeignTensor other in Others(shape, network))
            tensors.Add(other.ForeignName, ToFile(other.ForeignName, other.RowsOf(others[other.Name].detach())));

        foreach ((string name, torch.Tensor tensor) in network.Head())
            tensors.Add(Prefix + name, tensor);
        string[] saved =
            [.. modules.Savable.Where(m => shape.ModulesToSave.Contains(m.Name)).Select(m => m.ForeignName), .. network.HeadModules];
        HuggingFaceFolder folder = HuggingFaceFolder.Create(path, Layout);
        folder.WriteWeights(tensors.Select(t => (t.Key, t.Value)), WeightsName);
        string[] targets = PeftConfig.ShortestNames(
            [.. shape.Modules.Select(m => m.Name)], modules.Modules.Select(m => m.ForeignName).OfType<string>());
        folder.WriteJson(PeftConfig.FileName, PeftConfig.ToJson(network.Task, shape, targets, saved, network.IsTransposed));

        torch.Tensor ToFile(string name, torch.Tensor tensor) =>
            network.Order is { } order && order.IsOther(name) ? order.ToFile(tensor) : tensor;
    }

    /// <summary>Reads an adapter for a network.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="name">The adapter's name.</param>
    /// <param name="network">The network without the adapter.</param>
    /// <exception cref="FileNotFoundException">The folder lacks a file.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, asks for what is not supported, or is not of this network; the message names it.
    /// </exception>
    public static LoraWeights Load(string path, string name, PeftNetwork network)
    {
        HuggingFaceFolder folder = HuggingFaceFolder.Open(path, Layout);
        string configPath = folder.Existing(PeftConfig.FileName);
        (LoraOptions options, Predicate<string> isInLayers) = folder.ReadJson(PeftConfig.FileName, PeftConfig.Read);
        options.Name = name;
        network = network.WithHeadOf(options);
        using ISafetensorsReader file = folder.OpenWeights(WeightsName);
        LoraShape shape = ShapeOf(configPath, options, isInLayers, file, network);
        using (LoraWeights sizes = ModuleTensors.WithoutMemory(
            long.MaxValue, int.MaxValue, () => new LoraWeights(shape, network.Network, network.Modules)))
        using (torch.NewDisposeScope())
            HuggingFaceFolder.CheckWeights(file, DestinationsOf(sizes, file, network, out _), IsIgnored(shape, network));
        var weights = new LoraWeights(shape, network.Network, network.Modules);
        try
        {
            // Of the bias of a layer, the file may have that of one part.
            weights.CopyTensorsOf(network.Network);
            Read(weights, file, network);
            CheckTied(file, network);
            weights.to(network.Device);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    private static LoraShape ShapeOf(
        string configPath, LoraOptions options, Predicate<string> isInLayers, ISafetensorsReader file, PeftNetwork network)
    {
        try
        {
            options.Validate();
            // A part of GPT-2's module has no name there.
            AdaptableModule[] known = [.. network.Modules.Modules.Where(m => m.ForeignName is { } foreign && isInLayers(foreign))];
            // PEFT itself leaves out the biases of "lora_only".
            if (options.Bias == LoraBias.LoraOnly && !file.Tensors.Keys.Any(key => key.EndsWith(".bias", StringComparison.Ordinal)))
                options.Bias = LoraBias.None;
            return LoraTargets.Find(options, network.Network, network.Modules with { Modules = known });
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"'{configPath}' is not an adapter of this network: {Quoted.Message(e)}", e);
        }
    }

    private static void Read(LoraWeights weights, ISafetensorsReader file, PeftNetwork network)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        HuggingFaceFolder.CopyWeights(
            file, DestinationsOf(weights, file, network, out List<torch.Tensor> reordered), IsIgnored(weights.Shape, network));
        foreach (torch.Tensor tensor in reordered)
            tensor.copy_(network.Order!.FromFile(tensor));
    }

    // Views of the adapter's tensors under the file's names, and those of them whose rows the file has in another order.
    private static Dictionary<string, torch.Tensor> DestinationsOf(
        LoraWeights weights, ISafetensorsReader file, PeftNetwork network, out List<torch.Tensor> reordered)
    {
        Dictionary<string, AdaptableModule> foreign =
            network.Modules.Modules.Where(m => m.ForeignName is not null).ToDictionary(m => m.Name);
        var destinations = new Dictionary<string, torch.Tensor>(StringComparer.Ordinal);
        reordered = [];
        foreach ((string module, LoraAdapter adapter) in weights.Adapters)
        {
            foreach ((string name, torch.Tensor tensor) in PeftConfig.Tensors(
                Prefix + foreign[module].ForeignName, foreign[module].Layer, adapter))
            {
                destinations.Add(name, tensor);
                if (network.Order?.IsOther(name) ?? false)
                    reordered.Add(tensor);
            }
        }

        LoraShape shape = weights.Shape with
        {
            Modules = [.. weights.Shape.Modules.Select(m => m with { Name = foreign[m.Name].ForeignName! })],
        };
        Dictionary<string, Parameter> others = weights.Tensors.ToDictionary(t => t.Name, t => t.Parameter, StringComparer.Ordinal);
        foreach (ForeignTensor other in Others(shape, network))
        {
            torch.Tensor rows = other.RowsOf(others[other.Name].detach());
            // Old versions of PEFT have no base_layer in the name.
            string old = other.ForeignName.Replace(".base_layer.", ".", StringComparison.Ordinal);
            destinations.Add(file.Tensors.ContainsKey(old) ? old : other.ForeignName, rows);
            if (network.Order?.IsOther(other.ForeignName) ?? false)
                reordered.Add(rows);
        }

        foreach ((string name, torch.Tensor tensor) in network.Head())
            destinations.Add(Prefix + name, tensor);
        return destinations;
    }

    // A copy of a tensor must be as the other one is. In files it may have fewer bits.
    private static void CheckTied(ISafetensorsReader file, PeftNetwork network)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        foreach ((string name, torch.Tensor tensor) in network.Tied())
        {
            if (!file.Tensors.TryGetValue(Prefix + name, out SafetensorsInfo? stored))
                continue;
            torch.Tensor found = torch.empty(tensor.shape);
            HuggingFaceFolder.CopyWeights(file, new Dictionary<string, torch.Tensor> { [Prefix + name] = found }, _ => true);
            if (!tensor.cpu().to(stored.Type).to(found.dtype).eq(found).all().item<bool>())
            {
                throw new InvalidDataException(
                    $"'{file.Source}' has a '{Prefix}{name}' of its own; here the layer is tied, and expected as the base model has it.");
            }
        }
    }

    // Beside the adapters of embedding or output layer, which are in no block, PEFT saves the weights of both as the base has them.
    private static Predicate<string> IsIgnored(LoraShape shape, PeftNetwork network)
    {
        HashSet<string> names = [.. NamesOf(network.Tied).Select(name => Prefix + name)];
        AdaptableNetwork modules = network.Modules;
        AdaptableModule[] outside = [.. modules.Modules.Where(
            m => m is { Keyword: null, ForeignName: not null } && modules.Modules.Count(other => other.Layer == m.Layer) == 1)];
        if (shape.Modules.Any(module => outside.Any(m => m.Name == module.Name)))
        {
            names.UnionWith(outside.SelectMany(
                m => (string[])[$"{Prefix}{m.ForeignName}.weight", $"{Prefix}{m.ForeignName}.base_layer.weight"]));
        }

        return names.Contains;
    }

    private static string[] NamesOf(Func<IReadOnlyList<(string Name, torch.Tensor Tensor)>> tensors)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return [.. tensors().Select(tensor => tensor.Name)];
    }

    // The adapters by the modules of transformers.
    private static (LoraShape Shape, IReadOnlyList<LoraAdapter> Adapters) Foreign(LoraWeights weights, AdaptableNetwork modules)
    {
        List<LoraModuleShape> shapes = [];
        List<LoraAdapter> adapters = [];
        Dictionary<string, LoraAdapter> own = weights.Adapters.ToDictionary(a => a.Name, a => a.Adapter, StringComparer.Ordinal);
        HashSet<AdaptableLayer> whole = [];
        foreach (LoraModuleShape module in weights.Shape.Modules)
        {
            AdaptableModule target = modules.Modules.First(m => m.Name == module.Name);
            if (target.ForeignName is { } name)
            {
                shapes.Add(module with { Name = name });
                adapters.Add(own[module.Name]);
                continue;
            }

            if (!whole.Add(target.Layer))
                continue;
            AdaptableModule[] same = [.. modules.Modules.Where(m => m.Layer == target.Layer)];
            AdaptableModule all = Array.Find(same, m => m.Part is null && m.ForeignName is not null) ?? throw new NotSupportedException(
                $"transformers has no module like '{module.Name}', which has an adapter: save the model with mlContext.Model.Save "
                + "instead.");
            (LoraAdapter Adapter, LayerPart Part)[] parts =
                [.. same.Where(m => m.Part is not null && own.ContainsKey(m.Name)).Select(m => (own[m.Name], m.Part!))];
            LoraAdapter joined = Join(parts, all);
            // With this α, s is 1.
            double alpha = weights.Shape.UseRsLora ? Math.Sqrt(joined.Rank) : joined.Rank;
            shapes.Add(new LoraModuleShape(all.ForeignName!, joined.Rank, alpha));
            adapters.Add(joined);
        }

        return (weights.Shape with { Modules = [.. shapes] }, adapters);
    }

    // The matrices A one below the other, and each B in the rows of its part: the same change, with the sum of the ranks.
    private static LoraAdapter Join((LoraAdapter Adapter, LayerPart Part)[] parts, AdaptableModule all)
    {
        torch.Tensor a = torch.cat([.. parts.Select(p => (torch.Tensor)p.Adapter.A)]); // [ranks, inputs]
        torch.Tensor b = torch.zeros([all.Shape[0], a.size(0)], device: a.device); // [outputs, ranks]
        torch.Tensor? magnitude = parts[0].Adapter.Magnitude is null ? null : all.Rows.Weight().Squared().sum([1]).sqrt(); // [outputs]
        long column = 0;
        foreach ((LoraAdapter adapter, LayerPart part) in parts)
        {
            b.narrow(0, part.Start, part.Outputs).narrow(1, column, adapter.Rank).copy_(adapter.B.Times(adapter.Scale));
            magnitude?.narrow(0, part.Start, part.Outputs).copy_(adapter.Magnitude!);
            column += adapter.Rank;
        }

        return new LoraAdapter(a, b, magnitude, scale: 1);
    }

    // The parameters of the network that an adapter has others of, by the names of transformers.
    private static IEnumerable<ForeignTensor> Others(LoraShape shape, PeftNetwork network)
    {
        if (shape.Tensors.Length == 0)
            yield break;
        HashSet<string> wanted = [.. shape.Tensors], targets = [.. shape.Modules.Select(m => m.Name)];
        foreach (SavableModule module in network.Modules.Savable)
        {
            foreach (string name in module.Parameters.Where(wanted.Contains))
            {
                string kind = name.EndsWith(".bias", StringComparison.Ordinal) ? "bias" : "weight";
                yield return new ForeignTensor(name, $"{Prefix}{module.ForeignName}.{kind}", null);
            }
        }

        Dictionary<torch.nn.Module, string> names = new(ReferenceEqualityComparer.Instance);
        foreach ((string name, torch.nn.Module module) in network.Network.named_modules())
            names.TryAdd(module, name);
        foreach (AdaptableModule module in network.Modules.Modules.Where(m => m.ForeignName is not null))
        {
            string name = names[module.Layer] + ".bias", target = targets.Contains(module.ForeignName!) ? ".base_layer" : "";
            if (wanted.Contains(name) && (shape.Bias != LoraBias.LoraOnly || target.Length > 0))
                yield return new ForeignTensor(name, $"{Prefix}{module.ForeignName}{target}.bias", module.Part);
        }
    }

    /// <summary>A parameter of the network under the name that transformers has for it.</summary>
    private sealed record ForeignTensor(string Name, string ForeignName, LayerPart? Part)
    {
        public torch.Tensor RowsOf(torch.Tensor all) => Part is null ? all : all.narrow(0, Part.Start, Part.Outputs);
    }
}
