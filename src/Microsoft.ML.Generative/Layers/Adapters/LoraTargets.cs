using TorchSharp;

namespace Microsoft.ML.Generative.Layers.Adapters;

/// <summary>Finds the modules of a network that options mean.</summary>
internal static class LoraTargets
{
    private const string BiasEnding = ".bias";

    /// <summary>The form of the adapters that the options ask for.</summary>
    /// <exception cref="ArgumentException">
    /// An option names a module that the network does not have, or two that overlap; the message lists those that it has.
    /// </exception>
    public static LoraShape Find(LoraOptions options, torch.nn.Module network, AdaptableNetwork adaptable)
    {
        AdaptableModule[] targets = Targets(options, adaptable.Modules);
        CheckOverlap(targets);
        string[] parameters = [.. network.named_parameters().Select(p => p.name)];
        SavableModule[] saved = [.. options.ModulesToSave.SelectMany(name => FindSavable(name, adaptable.Savable)).Distinct()];
        HashSet<string> tensors = [.. saved.SelectMany(module => module.Parameters)];
        if (options.Bias != LoraBias.None)
            tensors.UnionWith(Biases(options.Bias, network, parameters, targets));
        if (targets.FirstOrDefault(target => saved.Any(s => s.Name == target.Name)) is { } twice)
        {
            throw new ArgumentException(
                $"'{twice.Name}' is a target of the adapter, and among {nameof(LoraOptions.ModulesToSave)}; expected one of them.");
        }

        foreach (string pattern in options.RankPattern.Keys)
            CheckPattern(nameof(LoraOptions.RankPattern), pattern, targets);
        foreach (string pattern in options.AlphaPattern.Keys)
            CheckPattern(nameof(LoraOptions.AlphaPattern), pattern, targets);
        var shape = new LoraShape
        {
            Name = options.Name,
            Modules = [.. targets.Select(target => new LoraModuleShape(
                target.Name, Choose(options.RankPattern, target, options.Rank), Choose(options.AlphaPattern, target, options.Alpha)))],
            UseRsLora = options.UseRsLora,
            UseDora = options.UseDora,
            Bias = options.Bias,
            ModulesToSave = [.. saved.Select(module => module.Name)],
            Tensors = [.. parameters.Where(tensors.Contains)],
        };
        CheckRanks(options, shape, targets);
        return shape;
    }

    private static void CheckRanks(LoraOptions options, LoraShape shape, AdaptableModule[] targets)
    {
        if (options.Initialization is not (LoraInitialization.Pissa or LoraInitialization.Olora))
            return;
        foreach ((LoraModuleShape module, AdaptableModule target) in shape.Modules.Zip(targets))
        {
            long outputs = target.Shape[0], inputs = target.Shape[1..].Aggregate(1L, (product, size) => product * size);
            if (target.Layer is not EmbeddingTable && module.Rank > Math.Min(inputs, outputs))
            {
                throw new ArgumentException(
                    $"The rank of '{module.Name}' is {module.Rank}; {nameof(LoraInitialization)}.{options.Initialization} takes it from a "
                    + $"weight of {outputs} × {inputs}, which has at most {Math.Min(inputs, outputs)}.",
                    nameof(options));
            }
        }
    }

    private static AdaptableModule[] Targets(LoraOptions options, IReadOnlyList<AdaptableModule> all)
    {
        HashSet<AdaptableModule> found = [];
        if (options.TargetPattern is { } pattern)
        {
            found.UnionWith(all.Where(module => module.Names.Any(name => ModuleNames.Matches(name, pattern))));
            if (found.Count == 0)
                throw Unknown(nameof(LoraOptions.TargetPattern), pattern, all);
        }
        else
        {
            foreach (string target in options.TargetModules)
            {
                AdaptableModule[] meant = target is LoraOptions.AllLinear or LoraOptions.AllConvolutions
                    ? [.. all.Where(module => module.Keyword == target)]
                    : Named(nameof(LoraOptions.TargetModules), target, all);
                if (meant.Length == 0)
                    throw Unknown(nameof(LoraOptions.TargetModules), target, all);
                found.UnionWith(meant);
            }
        }

        HashSet<AdaptableModule> excluded =
            [.. options.ExcludeModules.SelectMany(name => Named(nameof(LoraOptions.ExcludeModules), name, all))];
        AdaptableModule[] targets = [.. all.Where(module => found.Contains(module) && !excluded.Contains(module))];
        return targets.Length > 0 ? targets : throw new ArgumentException(
            found.Count == 0
                ? $"{nameof(LoraOptions.TargetModules)} is empty: no module would get an adapter."
                : $"{nameof(LoraOptions.ExcludeModules)} excludes all targets: no module would get an adapter.");
    }

    private static AdaptableModule[] Named(string option, string name, IReadOnlyList<AdaptableModule> all)
    {
        AdaptableModule[] found = [.. all.Where(module => module.Names.Any(own => ModuleNames.Ends(own, name)))];
        return found.Length > 0 ? found : throw Unknown(option, name, all);
    }

    private static SavableModule[] FindSavable(string name, IReadOnlyList<SavableModule> all)
    {
        SavableModule[] found =
            [.. all.Where(module => ModuleNames.Ends(module.Name, name) || ModuleNames.Ends(module.ForeignName, name))];
        return found.Length > 0 ? found : throw new ArgumentException(
            $"{nameof(LoraOptions.ModulesToSave)} has '{name}', which is no module that can be trained as a whole. Supported values: "
            + $"{List(all.Select(m => (m.Name, (string?)m.ForeignName)))}.",
            nameof(name));
    }

    private static IEnumerable<string> Biases(LoraBias which, torch.nn.Module network, string[] parameters, AdaptableModule[] targets)
    {
        IEnumerable<string> all = parameters.Where(name => name.EndsWith(BiasEnding, StringComparison.Ordinal));
        if (which == LoraBias.All)
            return all;
        HashSet<torch.nn.Module> layers = new(targets.Select(target => target.Layer), ReferenceEqualityComparer.Instance);
        HashSet<string> names = [.. network.named_modules().Where(m => layers.Contains(m.module)).Select(m => m.name + BiasEnding)];
        return all.Where(names.Contains);
    }

    private static void CheckOverlap(AdaptableModule[] targets)
    {
        foreach (AdaptableModule whole in targets.Where(target => target.Part is null))
        {
            if (targets.FirstOrDefault(target => target.Part is not null && target.Layer == whole.Layer) is { } part)
            {
                throw new ArgumentException(
                    $"'{whole.Name}' and '{part.Name}', which is a part of it, are both targets of the adapter; expected one of them.");
            }
        }
    }

    private static void CheckPattern(string option, string pattern, AdaptableModule[] targets)
    {
        if (targets.Any(target => target.Names.Any(name => ModuleNames.EndMatches(name, pattern))))
            return;
        throw new ArgumentException(
            $"{option} has '{pattern}', which matches no target of the adapter. "
            + $"Its targets are {List(targets.Select(t => (t.Name, t.ForeignName)))}.",
            option);
    }

    /// <summary>The value of the first pattern that matches the end of a module's names, or another one.</summary>
    public static T Choose<T>(IDictionary<string, T> patterns, AdaptableModule module, T otherwise)
    {
        foreach ((string pattern, T value) in patterns)
        {
            if (module.Names.Any(name => ModuleNames.EndMatches(name, pattern)))
                return value;
        }

        return otherwise;
    }

    private static ArgumentException Unknown(string option, string name, IReadOnlyList<AdaptableModule> all) => new(
        $"{option} has '{name}', which is no module of the network. Its modules are {List(all.Select(m => (m.Name, m.ForeignName)))}.",
        option);

    // Blocks are alike: the first stands for all.
    private static string List(IEnumerable<(string Name, string? ForeignName)> modules) => string.Join(", ", modules
        .DistinctBy(m => string.Join('.', m.Name.Split('.').Select(part => int.TryParse(part, out _) ? "0" : part)))
        .Select(m => m.ForeignName is null || m.ForeignName == m.Name ? $"'{m.Name}'" : $"'{m.Name}' ('{m.ForeignName}')"));
}
