namespace Microsoft.ML.Generative.Onnx.Graph;

/// <summary>Nodes of a graph (onnx.proto, NodeProto and AttributeProto).</summary>
internal static class OnnxNode
{
    private const int InputField = 1;
    private const int OutputField = 2;
    private const int NameField = 3;
    private const int OperationField = 4;
    private const int AttributeField = 5;

    private const int FloatValue = 2;
    private const int IntegerValue = 3;
    private const int TextValue = 4;
    private const int IntegersValue = 8;
    private const int TypeField = 20;

    private enum AttributeType
    {
        Float = 1,
        Integer = 2,
        Text = 3,
        Integers = 7,
    }

    public static ProtoMessage Message(
        string operation, OnnxValue[] inputs, string output, (string Name, object Value)[] attributes)
    {
        var node = new ProtoMessage();
        foreach (OnnxValue input in inputs)
            node.Text(InputField, input.Name ?? "");
        node.Text(OutputField, output).Text(NameField, $"to_{output}").Text(OperationField, operation);
        foreach ((string name, object value) in attributes)
            node.Message(AttributeField, Attribute(name, value));
        return node;
    }

    private static ProtoMessage Attribute(string name, object value)
    {
        ProtoMessage attribute = new ProtoMessage().Text(1, name);
        switch (value)
        {
            case float number:
                return attribute.Float(FloatValue, number).Number(TypeField, (int)AttributeType.Float);
            case long number:
                return attribute.Number(IntegerValue, number).Number(TypeField, (int)AttributeType.Integer);
            case string text:
                return attribute.Text(TextValue, text).Number(TypeField, (int)AttributeType.Text);
            case long[] numbers:
                foreach (long number in numbers)
                    attribute.Number(IntegersValue, number);
                return attribute.Number(TypeField, (int)AttributeType.Integers);
            default:
                throw new NotSupportedException($"Attribute '{name}' is {value.GetType().Name}.");
        }
    }
}
