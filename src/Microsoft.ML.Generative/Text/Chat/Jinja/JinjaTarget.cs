namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>What a value is assigned to.</summary>
internal abstract record JinjaTarget
{
    public abstract void Assign(JinjaFrame frame, object? value);
}

/// <summary>A variable.</summary>
internal sealed record NameTarget(string Name) : JinjaTarget
{
    public override void Assign(JinjaFrame frame, object? value) => frame.Scope.Set(Name, value);
}

/// <summary>An attribute of a namespace.</summary>
internal sealed record AttributeTarget(string Name, string Attribute) : JinjaTarget
{
    public override void Assign(JinjaFrame frame, object? value)
    {
        if (!frame.Scope.TryGet(Name, out object? target) || target is not JinjaNamespace names)
            throw new JinjaException($"'{Name}' is no namespace, so that '{Attribute}' cannot be set");
        names.Set(Attribute, value);
    }
}

/// <summary>Several, one for each element.</summary>
internal sealed record TupleTarget(IReadOnlyList<JinjaTarget> Targets) : JinjaTarget
{
    public override void Assign(JinjaFrame frame, object? value)
    {
        IReadOnlyList<object?> items = JinjaValues.Items(frame.Budget, value);
        if (items.Count != Targets.Count)
            throw new JinjaException($"{items.Count} values for {Targets.Count} variables");
        for (int i = 0; i < items.Count; i++)
            Targets[i].Assign(frame, items[i]);
    }
}
